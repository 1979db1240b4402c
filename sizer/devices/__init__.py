"""Edge devices: what they have, what a network takes of it, and whether it fits."""
