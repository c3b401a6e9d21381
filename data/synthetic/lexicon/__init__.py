"""Words of oncology: drugs, genes, biomarkers, receptors; and, each with what is made of them, cancers and organs."""

from pathlib import Path

from data.synthetic.tables import Table

HERE = Path(__file__).parent
drugs = Table(HERE / "drugs.toml")
genes = Table(HERE / "genes.toml")
markers = Table(HERE / "markers.toml")
receptors = Table(HERE / "receptors.toml")
