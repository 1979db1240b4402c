"""What happens in which order. No printing here, and no decisions about display."""
