"""Package metadata; tools are configured in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+?)"', (HERE / "selective_query" / "__init__.py").read_text()
).group(1)

EXTRAS = {
    "plot": ["matplotlib>=3.7"],
    "frame": ["pandas>=2.0", "pyarrow>=14"],
    "io": ["skops>=0.11"],
    "completion": ["shtab>=1.7"],
    "c": ["bakenn>=1.0,<2"],
    "remote": ["httpx2>=2.10", "pillow>=10"],
    "serve": ["prometheus-client>=0.20", "starlette>=0.40", "uvicorn>=0.30"],
}
EXTRAS["all"] = [package for packages in EXTRAS.values() for package in packages]
EXTRAS["onnx"] = [
    "onnx>=1.17",
    "onnxruntime>=1.20",
    "onnxscript>=0.5",
    "skl2onnx>=1.19",
]
EXTRAS["ray"] = ["ray[data,serve]>=2.50"]  # brings fifty packages
EXTRAS["bench"] = ["scikit-fallback>=0.2", "mapie>=1.6"]  # peers to measure beside
EXTRAS["dev"] = [
    *EXTRAS["all"],
    *EXTRAS["onnx"],
    "hypothesis>=6",
    "numpydoc>=1.7",
    "pillow>=10",
    "polars>=1",
    "pytest>=8",
    "pytest-xdist>=3.5",
    "ruff>=0.6",
    "pre-commit>=3",
]
EXTRAS["mutants"] = ["mutmut>=3.8"]
EXTRAS["docs"] = [
    *EXTRAS["all"],
    *EXTRAS["onnx"],
    "latex2mathml>=3.78",
    "numpydoc>=1.7",
    "pydata-sphinx-theme>=0.15",
    "sphinx>=7",
    "sphinx-design>=0.6",
    "sphinx-gallery>=0.16",
]

setup(
    name="selective-query",
    version=VERSION,
    description=(
        "Let a cheap model answer most inputs, and ask an expensive one only where it "
        "pays: hybrid and abstaining classifiers for scikit-learn"
    ),
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    packages=find_packages(include=["selective_query", "selective_query.*"]),
    package_data={
        "selective_query.export._c": ["templates/*"],
        "selective_query.reports": ["templates/*"],
    },
    python_requires=">=3.10",
    install_requires=[
        "joblib>=1.3",
        "numpy>=2.0",
        "scikit-learn>=1.6",
        "scipy>=1.11",
        "skorch>=1.0",
        "torch>=2.2",
        "tqdm>=4.60",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["selective-query = selective_query.cli:main"]},
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
