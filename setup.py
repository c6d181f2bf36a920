"""What pyproject.toml cannot say: two folders beside the package travel in the wheel as parts of it.

They are the embedded weights and the example photos. With them an installed package answers without any setting and
without a network. `zsseg.weights.search.checkpoint_folders` and `zsseg.examples.FOLDER` say where they are looked for.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["zsseg", "zsseg.*"]), "zsseg.checkpoints", "zsseg.assets"],
    package_dir={"zsseg.checkpoints": "checkpoints", "zsseg.assets": "assets"},
    package_data={
        "zsseg": ["py.typed", "demo/static/*", "demo/templates/**/*.html"],
        "zsseg.checkpoints": ["*.safetensors", "*.md", "*/*.safetensors", "*/*.json"],
        "zsseg.assets": ["examples/*.jpg", "examples/masks/*.png", "*.md"],
    },
)
