"""Write a layout as the scripts that registries ship with it, for tests."""

from pipelines.codebook.layouts import Layout


def sas(layout: Layout, title: str = "", *, length: int | None = None) -> str:
    lines = "\n".join(f"  {each.name} $ {each.start}-{each.end}" for each in layout.fields)
    return f"* {title};\nDATA puf; INFILE 'puf.dat' TRUNCOVER LRECL={length or layout.length};\nINPUT\n{lines};\nRUN;\n"


def sas_pointers(layout: Layout, title: str = "") -> str:
    lines = "\n".join(f"@{each.start} {each.name} ${each.width}." for each in layout.fields)
    return f"* {title};\nDATA puf; INFILE 'puf.dat' TRUNCOVER;\nINPUT {lines};\n"


def spss(layout: Layout, title: str = "") -> str:
    lines = "\n".join(f"  {each.name} {each.start}-{each.end} (A)" for each in layout.fields)
    return f"* {title}.\nDATA LIST FILE='puf.dat' FIXED RECORDS=1 /\n{lines}.\n"


def stata(layout: Layout, title: str = "") -> str:
    lines = " ///\n".join(f"  str {each.name} {each.start}-{each.end}" for each in layout.fields)
    return f'* {title}\ninfix ///\n{lines} ///\n using "puf.dat", clear\n'


def structure(layout: Layout, title: str = "") -> str:
    """As the structure table is: a title, names in the row below, the last variable first."""
    rows = [f",{each.name},All,{each.start},{each.end}," for each in reversed(layout.fields)]
    return "\n".join([f"{title},,,,,", ",PUF Item Name,Years,Start,End,", *rows, ",,,,,"])


KINDS = {"sas": sas, "sas_pointers": sas_pointers, "spss": spss, "stata": stata, "structure": structure}
