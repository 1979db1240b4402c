"""A report as one self-contained HTML page: facts from `sizer.report`, pictures, a template."""

from pathlib import Path

from sizer import report as facts
from sizer.page.figures import (
    curves_plot,
    map_legend,
    map_plot,
    map_values,
    wanted_value,
    widths_plot,
)
from sizer.report import Report

HERE = Path(__file__).parent


def render(report: Report) -> str:
    """The page; `REPORT_MARK` stands near its beginning."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    calibration, requirements = report.calibration, report.requirements
    return environment.get_template("page.html").render(
        report=report,
        facts=facts,
        curves=curves_plot(report),
        widths=widths_plot(calibration),
        map=map_plot(requirements, report.advice) if requirements else None,
        legend=map_legend(requirements) if requirements else None,
        values=map_values(requirements) if requirements else None,
        wanted=wanted_value(requirements, report.advice) if requirements else None,
    )
