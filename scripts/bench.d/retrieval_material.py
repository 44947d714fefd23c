"""Passages and questions for the measurement of retrieval, made from the documentation of SQLite.

The text is in the public domain and comes as Debian's package sqlite3-doc, in one version with one checksum. Nobody wrote
questions for us, so they are made of what people wrote as headings above a text, and each heading is taken out of the text
that is searched:

  title   pages of the C interface, the heading as a question: "How do I register a virtual table implementation?"
          (200 or so). The page says the same in other words, beside names like sqlite3_create_module.
  faq     the questions of the FAQ as they stand; the answers alone are searched.
  code    "What does SQLITE_BUSY_SNAPSHOT mean?", every second result code that has a section. Its name stands in the section,
          in neighbouring ones and on other pages: a question of one exact word.

Twenty other pages and groups of pages of the manual are searched as well, as chaff. A passage has 75 words or so, cut at sentences. Right is any
passage of the section that the heading belongs to. Half of each group (every second) is there to choose settings by, the
other half is printed.
"""

import hashlib
import html
import io
import json
import re
import tarfile
import urllib.request
from pathlib import Path

URL = "http://deb.debian.org/debian/pool/main/s/sqlite3/sqlite3-doc_3.40.1-2+deb12u2_all.deb"
SHA256 = "466e30d7066e2641fa13e56bc662a2ad521b8cc9c17dde9c9dac3d4f105e32f2"
FOLDER = "./usr/share/doc/sqlite3/"
WORDS = 75
# A later number makes the material anew.
VERSION = 1
# Gerunds and infinitives at the head of a title: what somebody wants to do.
IMPERATIVE = re.compile(
    r"^(Add|Apply|Attempt|Automatically|Cancel|Checkpoint|Close|Compare|Configure|Copy|Count|Create|Declare|Define|Deserialize|Destroy|"
    r"Determine|Enable|Evaluate|Extract|Find|Flush|Free|Identify|Impose|Initialize|Interrupt|Load|Move|Obtain|Open|Overload|"
    r"Query|Read|Record|Recover|Register|Remove|Reset|Retrieve|Return|Serialize|Set|Start|Suspend|Test|Translate|Write|Zero)\b"
)
INFINITIVE = {"Binding": "bind", "Closing": "close", "Compiling": "compile", "Configuring": "configure", "Finding": "find",
              "Obtaining": "obtain", "Opening": "open", "Retrieving": "retrieve", "Setting": "set"}
# Other pages that are searched as well.
CHAFF = ("lang_a", "lang_c", "lang_d", "lang_t", "lang_u", "pragma.", "limits.", "wal.", "datatype3.", "foreignkeys.", "isolation.",
         "howtocorrupt.", "loadext.", "vtab.", "malloc.", "sharedcache.", "backup.", "unlock_notify.", "errlog.", "c_interface.")
# These say nothing that a question could be made of.
USELESS = {"Introduction", "Constants", "List Of SQLite Constants", "List Of SQLite Functions", "Deprecated Functions",
           "Experimental Interfaces", "File Name", "Mutex Handle"}


def material(cache):
    """The file with a JSON object a line: passages, then questions."""
    target = Path(cache) / f"bench/retrieval-{VERSION}.jsonl"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        pages = unpack(download(target.parent))
        lines = [json.dumps(item) for item in made(pages)]
        part = target.with_suffix(".part")
        part.write_text("\n".join(lines) + "\n")
        part.rename(target)
    return target


def download(folder):
    path = folder / URL.rsplit("/", 1)[1]
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        with urllib.request.urlopen(URL, timeout=120) as answer:
            data = answer.read()
        found = hashlib.sha256(data).hexdigest()
        if found != SHA256:
            raise OSError(f"{URL} has the checksum {found}, expected {SHA256}")
        path.write_bytes(data)
    return path.read_bytes()


def unpack(package):
    """The pages of a Debian package, which is an `ar` archive with a tar inside."""
    place = 8
    while place < len(package):
        name, size = package[place:place + 16].decode().strip(), int(package[place + 48:place + 58])
        if name.startswith("data.tar"):
            break
        place += 60 + size + size % 2
    pages = {}
    with tarfile.open(fileobj=io.BytesIO(package[place + 60:place + 60 + size])) as archive:
        for member in archive:
            if member.isfile() and member.name.startswith(FOLDER) and member.name.endswith(".html"):
                pages[member.name.removeprefix(FOLDER)] = archive.extractfile(member).read().decode("utf-8", "replace")
    return pages


def made(pages):
    sections, questions = [], []
    for name, page in sorted(pages.items()):
        if name.startswith("c3ref/"):
            title = text_of(re.search(r"<title>(.*?)</title>", page, re.S).group(1)).rstrip(".")
            body = page.split(f"</h2>\n</div>", 1)[-1].split("See also lists of")[0]
            sections.append((name, body))
            if title not in USELESS:
                questions.append(("title", asked(title), [name]))
        elif name == "faq.html":
            for number, question, answer in re.findall(
                r'<p><b>\((\d+)\) (.*?)</b></p>\s*<blockquote>(.*?)</blockquote></li>', page, re.S
            ):
                sections.append((f"{name}#q{number}", answer))
                questions.append(("faq", text_of(question), [f"{name}#q{number}"]))
        elif name == "rescode.html":
            parts = re.split(r"<h3>\((\d+)\) (SQLITE_\w+)</h3>", page)
            codes = list(zip(parts[2::3], parts[3::3]))
            sections += [(f"{name}#{code}", body) for code, body in codes]
            questions += [("code", f"What does {code} mean?", [f"{name}#{code}"]) for code, _ in codes[::2]]
        elif name.startswith(CHAFF):
            sections.append((name, page.split("</script>")[-1]))
    # Two pages with one title would make a question that has two answers.
    right = {}
    for group, question, sources in questions:
        right.setdefault((group, question), []).extend(sources)
    for source, body in sections:
        for number, passage in enumerate(passages(text_of(body))):
            yield {"passage": passage, "source": source, "chunk": number}
    places = {}
    for (group, question), sources in right.items():
        places[group] = places.get(group, -1) + 1
        half = "choose" if places[group] % 2 else "print"
        yield {"question": question, "sources": sources, "group": group, "half": half}


def asked(title):
    words = title.split()
    lowered = " ".join(word if len(word) > 1 and word.upper() == word or "_" in word or "(" in word else word.lower() for word in words)
    first = words[0]
    if first in ("Determine", "Test") and len(words) > 1 and words[1].lower() in ("if", "whether", "to"):
        return f"How do I {lowered}?"
    if first in INFINITIVE:
        return f"How do I {INFINITIVE[first]} {' '.join(lowered.split()[1:])}?"
    if IMPERATIVE.match(title):
        return f"How do I {lowered}?"
    if first in ("Name", "Number", "Index", "Source", "Maximum"):
        return f"What is the {lowered}?"
    return f"What is there about the {lowered}?"


def text_of(page):
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S | re.I)
    page = re.sub(r"<!--.*?-->", " ", page, flags=re.S)
    page = re.sub(r"</?(p|li|h[1-6]|pre|div|tr|blockquote|br|dt|dd|table|ul|ol)\b[^>]*>", "\n\n", page, flags=re.I)
    page = html.unescape(re.sub(r"<[^>]+>", "", page))
    return "\n\n".join(" ".join(part.split()) for part in page.split("\n\n") if part.strip()).strip()


def passages(text):
    sentences = [sentence for part in text.split("\n\n") for sentence in re.split(r"(?<=[.!?]) ", part)]
    passage = []
    for sentence in sentences:
        words = sentence.split()[:2 * WORDS]
        if passage and len(passage) + len(words) > WORDS:
            yield " ".join(passage)
            passage = []
        passage += words
    if passage:
        yield " ".join(passage)


if __name__ == "__main__":
    import sys

    print(material(sys.argv[1]))
