"""Configuration of the documentation; build it with ``make docs``."""

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from selective_query import __version__
from selective_query.exceptions import CalibrationWarning

# A program of the gallery that warns stops the build.
warnings.simplefilter("error", CalibrationWarning)

project = "selective_query"
author = "the selective_query developers"
copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "_in_browser",
    "_mathml",
    "_pictures",
    "_tables",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "examples", "**/README.rst"]
default_role = "literal"
add_module_names = False
python_use_unqualified_type_names = True

autosummary_generate = True
autodoc_mock_imports = ["ray", "starlette"]  # so that the docs build without the extra
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "plot_",
    "within_subsection_order": "_gallery_order.by_task",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "image_scrapers": ("matplotlib", "_in_browser"),
    "min_reported_time": 1000,
    "image_srcset": ["2x"],
}

html_theme = "pydata_sphinx_theme"
html_title = f"selective_query {release}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "selective_query"},
    "navigation_with_keys": False,
    "show_nav_level": 2,
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
