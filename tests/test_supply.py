"""What is installed is what was tested, and what others install is the package."""

import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace

import pytest
import tally
from packaging.markers import default_environment
from packaging.requirements import Requirement

from trust import audit, locks, wheel

ROOT = Path(__file__).parents[1]
BOOK, ALL, TORCH, TORCH_CPU, LITE = locks.FILES
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
#: what a marker may ask, on the systems and Pythons that the locks are for
MACHINES = [
    {"sys_platform": system, "os_name": name, "platform_system": full, "python_version": python,
     "python_full_version": f"{python}.{patch}", "platform_machine": machine, "extra": ""}
    for system, name, full, machine in [("linux", "posix", "Linux", "x86_64"),
                                        ("darwin", "posix", "Darwin", "arm64"),
                                        ("win32", "nt", "Windows", "AMD64")]
    for python, patch in [("3.11", 0), ("3.11", 9), ("3.12", 1), ("3.13", 0), ("3.14", 0)]
]  # fmt: skip


def asked(extra):
    """Return what the project needs with an extra, those within it included."""
    project = PROJECT["project"]
    found = [Requirement(text) for text in project["dependencies"]]
    for text in project["optional-dependencies"][extra]:
        requirement = Requirement(text)
        within = requirement.extras if requirement.name == "nnlearn" else ()
        found += [each for name in within for each in asked(name)] if within else [requirement]
    return found


def chosen(file, machine):
    """Return the version of each distribution that a lock installs on a machine."""
    found = {}
    for pin in locks.pins(file):
        if pin.requirement.marker is None or pin.requirement.marker.evaluate(machine):
            assert pin.requirement.name not in found, f"{pin.requirement.name} twice"
            (only,) = pin.requirement.specifier
            found[pin.requirement.name] = only.version
    return found


@pytest.mark.parametrize("file", locks.FILES, ids=lambda file: file.stem)
def test_each_pin_is_one_version_with_its_hashes_and_from_no_particular_place(file):
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"://|@ |^ *(-i|-f|-e|--(?!hash=))", text, flags=re.MULTILINE)
    for pin in locks.pins(file):
        (only,) = pin.requirement.specifier
        assert only.operator == "=="
        assert not only.version.endswith("*")
        assert pin.hashes
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", text) for text in pin.hashes)
        tally.count("cases tried")


def test_the_locks_agree():
    hashes = {}
    for file in (ALL, BOOK, TORCH, LITE):
        for pin in locks.pins(file):
            version = pin.requirement.name, str(pin.requirement.specifier)
            assert hashes.setdefault(version, pin.hashes) == pin.hashes, version
    for machine in MACHINES:
        everything = chosen(ALL, machine)
        assert chosen(BOOK, machine).items() <= everything.items()
        for file in (TORCH, LITE):
            for name, version in chosen(file, machine).items():
                assert everything.get(name, version) == version, name
        tally.count("cases tried")


def test_pytorch_has_one_version_and_its_cuda_is_nobody_elses():
    (cpu,) = locks.pins(TORCH_CPU)
    (wanted,) = {str(need.specifier) for need in asked("test") if need.name == "torch"}
    (whole,) = {str(p.requirement.specifier) for p in locks.pins(TORCH)
                if p.requirement.name == "torch"}  # fmt: skip
    assert str(cpu.requirement.specifier) == f"{wanted}+cpu"
    assert whole == wanted
    for file in (ALL, BOOK, LITE):
        names = {pin.requirement.name for pin in locks.pins(file)}
        assert not [name for name in names if re.match("torch$|triton|nvidia|cuda-toolkit", name)]


@pytest.mark.parametrize(("extra", "file"), [("book", BOOK), ("dev", ALL), ("lite", LITE)])
def test_a_lock_has_all_that_the_project_asks_for(extra, file):
    installing = [Requirement(text) for text in PROJECT["dependency-groups"]["install"]]
    for machine in MACHINES:
        found = chosen(file, machine) | ({"torch": "2.13.0"} if extra == "dev" else {})
        for need in asked(extra) + installing:
            if need.marker is None or need.marker.evaluate(machine):
                version = found.get(audit.normal(need.name))
                assert version is not None, f"{need} is not in {file.name}: make lock"
                assert need.specifier.contains(version), f"{need}, not {version}: make lock"
                tally.count("cases tried")


def test_what_is_locked_needs_nothing_that_is_not():
    """It is installed with --no-deps: what is missing from the lock is missing altogether."""
    here = {**default_environment(), "extra": ""}
    found = chosen(ALL, here)
    for name in found:
        for text in distribution(name).requires or ():
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                version = found.get(audit.normal(need.name))
                assert version is not None, f"{name} needs {need}"
                assert need.specifier.contains(version, prereleases=True), f"{name} needs {need}"
                tally.count("cases tried")


def tiny(folder):
    """Write a wheel with one module, by hand."""
    files = {
        "tinyone.py": "",
        "tinyone-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tinyone\nVersion: 1.0\n",
        "tinyone-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, "tinyone-1.0.dist-info/RECORD"])
    with zipfile.ZipFile(folder / "tinyone-1.0-py3-none-any.whl", "w") as archive:
        for name, text in (files | {"tinyone-1.0.dist-info/RECORD": record}).items():
            archive.writestr(name, text)
    return folder / "tinyone-1.0-py3-none-any.whl"


def test_what_has_another_hash_is_not_installed(tmp_path):
    digest = hashlib.sha256(tiny(tmp_path).read_bytes()).hexdigest()
    changed = ("0" if digest[0] != "0" else "1") + digest[1:]
    recipe = re.search(r"^LOCKED := \$\(PIP\) install (.*?) \$", makefile(), flags=re.MULTILINE)
    for line, message in {
        f"tinyone==1.0 --hash=sha256:{digest}": "",
        f"tinyone==1.0 --hash=sha256:{changed}": "DO NOT MATCH THE HASHES",
        "tinyone==1.0": "Hashes are required in --require-hashes mode",
    }.items():
        target, file = tmp_path / f"in{len(line)}{message[:3]}", tmp_path / "requirements.txt"
        file.write_text(line, encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", *recipe[1].split(), "--no-index"]
        result = subprocess.run(
            [*command, "--find-links", tmp_path, "--target", target, "-r", file],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (result.returncode == 0) == (not message), result.stderr
        assert message in result.stderr
        assert (target / "tinyone.py").exists() == (not message)
        tally.count("bad inputs refused" if message else "cases tried")


def makefile():
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def test_nothing_is_installed_here_without_its_hash():
    """A file of pins is only for --require-hashes; the package itself brings nothing along."""
    workflow = (ROOT / ".github/workflows/book.yml").read_text(encoding="utf-8")
    text = makefile() + workflow + (ROOT / ".binder/postBuild").read_text(encoding="utf-8")
    installs = re.findall(r"(?:\$\(PIP\)|-m pip) install (.*)", text)
    assert len(installs) >= 5
    for line in installs:
        itself = line == "--no-deps --no-build-isolation --editable ."
        assert itself or "--require-hashes --no-deps" in line, line


def test_the_workflows_name_a_version_of_each_action_and_are_known_to_be_untried():
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        actions = re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))
        assert actions
        assert all(re.fullmatch(r"[\w/-]+@v\d+", action) for action in actions)
    weekly = (ROOT / ".github/workflows/weekly.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"resolution: ([a-z-]+)", weekly)) == {"highest", "lowest-direct"}


def test_every_licence_is_known_and_accepted():
    found = audit.licences()
    assert found["numpy"].startswith("BSD-3-Clause")
    assert len(found) > 150
    tally.count("cases tried", len(found))


def metadata(**stated):
    message = Message()
    message["Name"] = "some.Thing"
    for name, values in stated.items():
        for value in [values] if isinstance(values, str) else values:
            message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    ("stated", "licence"),
    [
        ({"License_Expression": "MIT OR Apache-2.0", "License": "no"}, "MIT OR Apache-2.0"),
        ({"Classifier": ["License :: OSI Approved :: BSD License"], "License": "x"}, "BSD"),
        ({"License": "Apache License, Version 2.0"}, "Apache-2.0"),
        ({"License": "BSD-3-Clause"}, "BSD-3-Clause"),
        ({"Classifier": ["License :: OSI Approved", "License :: OSI Approved :: MIT License"]}, ""),
    ],
)
def test_a_licence_is_read_wherever_it_is_stated(stated, licence):
    assert audit.licence_of(metadata(**stated)) == licence
    tally.count("cases tried")


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"License": "Copyright 2020 Somebody\nAll rights reserved"},
        {"License_Expression": "GPL-3.0-only"},
        {"License_Expression": "MIT AND AGPL-3.0-or-later"},
        {"Classifier": ["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]},
        {"Classifier": ["License :: OSI Approved :: MIT License", "License :: Other/Proprietary"]},
    ],
)
def test_a_licence_that_nobody_has_read_is_named(stated):
    with pytest.raises(ValueError, match=r"licences: read these.*\n  some-thing: "):
        audit.licences([SimpleNamespace(metadata=metadata(**stated))])
    tally.count("bad inputs refused")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source distribution, built twice, with other permissions and dates."""
    work = tmp_path_factory.mktemp("built")
    first = wheel.build(wheel.copied(work / "a"), work / "out")
    second = wheel.build(wheel.copied(work / "b b" / "é", 0o077), work / "again", 0o077)
    return first, second, wheel.rebuilt(first["sdist"], work / "third")


def test_two_builds_are_the_same_to_the_byte(built):
    first, second, third = built
    assert wheel.same(first["wheel"], second["wheel"], third)
    assert wheel.same(first["sdist"], second["sdist"])
    assert not wheel.same(first["wheel"], first["sdist"])
    tally.count("cases tried", 5)


def test_the_wheel_holds_the_package_its_licences_and_nothing_else(built):
    names = wheel.contents(built[0]["wheel"])
    info = f"nnlearn-{PROJECT['project']['version']}.dist-info/"
    described = {"METADATA", "WHEEL", "RECORD", "licenses/LICENSE", "licenses/LICENSE-text"}
    assert names == wheel.wanted() | {info + name for name in described}
    source = wheel.contents(built[0]["sdist"]) - {""}
    assert {name.split("/")[0] for name in source} == {
        "nnlearn", "book", "LICENSE", "LICENSE-text", "README.md", "CHANGELOG.md",
        "pyproject.toml", "PKG-INFO", ".gitignore",
    }  # fmt: skip
    assert all(name.startswith("book/exercises/") for name in source if name.startswith("book/"))


def test_the_wheel_is_used_where_there_is_nothing_else(built, tmp_path):
    """What it needs is lent from here, then what its extra brings: `trust.wheel` asks an index."""
    python = wheel.environment(tmp_path / "empty")
    wheel.install(python, "--no-deps", "--no-index", built[0]["wheel"])
    (packages,) = (tmp_path / "empty").rglob("site-packages")
    for text in PROJECT["project"]["dependencies"]:
        lent = distribution(Requirement(text).name)
        for top in {Path(file).parts[0] for file in lent.files} - {"..", "__pycache__"}:
            (packages / top).symlink_to(lent.locate_file(top))
    said = wheel.use(python)
    assert any(line.startswith("trained, loss") for line in said)
    assert said[-2].startswith("refused: load_breast_cancer: ")
    assert wheel.advised(said) == ["nnlearn[book]"]
    here = Path(distribution("nbval").locate_file(""))
    (packages / "lent.pth").write_text(str(here), encoding="utf-8")
    more = wheel.use(python, "book")
    assert more[-1].startswith("judged: 01-neuron")
    tally.count("cases tried", len(said) + len(more))


def test_what_is_told_to_be_installed_is_read():
    line = "nbval is not installed: python -m pip install -e '/my book[book]'"
    assert wheel.advised(["x", line]) == ["-e", "/my book[book]"]
    with pytest.raises(RuntimeError, match="does not tell what to install: sorry"):
        wheel.advised([line, "sorry"])
    tally.count("bad inputs refused")


def test_a_package_that_lacks_its_data_is_noticed(built, tmp_path):
    python = wheel.environment(tmp_path / "empty")
    with pytest.raises(RuntimeError, match="does not do"):
        wheel.use(python)
    tally.count("bad inputs refused")
