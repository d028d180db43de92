"""The shipped digits: the file, the script that made it, and the function that loads them."""

from __future__ import annotations

import collections
import functools
import gzip
import hashlib
import http.server
import importlib.util
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import MNIST

from tests.support.students_helper import course_helper

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "data" / "digits.npz"
SCRIPT = ROOT / "data" / "make_digits.py"
FULL_MNIST = ROOT.parent / "shared" / "data" / "MNIST" / "raw"
# Item counts and sizes of the full MNIST; the headers of its files hold them.
FULL_SHAPES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}


def _load_script():
    spec = importlib.util.spec_from_file_location("make_digits", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_digits = _load_script()


@pytest.fixture(scope="module")
def shipped() -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of the shipped file."""
    with np.load(DIGITS) as archive:
        return archive["images"], archive["labels"]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty data folder, the only one that load_digits searches."""
    path = tmp_path / "data"
    path.mkdir()
    monkeypatch.setattr(course_helper, "data_folders", lambda: [path])
    return path


@pytest.fixture
def shipped_folder(folder) -> Path:
    """The data folder with the shipped digits in it."""
    shutil.copy(DIGITS, folder)
    return folder


def _write_idx(path: Path, shape: tuple[int, ...], missing: int = 0) -> None:
    """Write a blank IDX file, ``missing`` bytes too short. It is sparse: no disk is used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + int(np.prod(shape)) - missing)


def _write_full_mnist(folder: Path) -> Path:
    """Write a blank MNIST of the full size; return the folder of its four files."""
    raw = folder / "MNIST" / "raw"
    for name, shape in FULL_SHAPES.items():
        _write_idx(raw / name, shape)
    return raw


# ----------------------------------------------------------------------------- the file


def test_checksum_is_the_same_in_file_helper_and_readme():
    checksum = hashlib.sha256(DIGITS.read_bytes()).hexdigest()
    assert checksum == course_helper.DIGITS_SHA256
    section = re.search(r"^## digits\.npz$(.*?)^## ", _readme(), re.DOTALL | re.MULTILINE)
    assert f"**SHA-256:** `{checksum}`" in section[1]


def test_readme_states_the_size():
    assert f"({DIGITS.stat().st_size:,} bytes)" in _readme()


def _readme() -> str:
    return (ROOT / "data" / "README.md").read_text(encoding="utf-8")


def test_file_is_small():
    assert DIGITS.stat().st_size <= 3_000_000


def test_shapes_and_dtypes(shipped):
    images, labels = shipped
    assert (images.shape, images.dtype) == ((10_000, 28, 28), np.uint8)
    assert (labels.shape, labels.dtype) == ((10_000,), np.uint8)


def test_pixels_are_white_on_black(shipped):
    images, _ = shipped
    assert (images.min(), images.max()) == (0, 255)
    assert np.mean(images == 0) > 0.7
    assert np.mean(images[:, 0, :] == 0) == 1  # MNIST's digits stand in the middle


def test_class_counts(shipped):
    _, labels = shipped
    assert tuple(np.bincount(labels)) == make_digits.COUNTS


@pytest.mark.parametrize("part", [slice(8_000), slice(8_000, None)], ids=["train", "test"])
def test_all_classes_are_about_a_tenth_of_each_part(shipped, part):
    _, labels = shipped
    shares = np.bincount(labels[part], minlength=10) / len(labels[part])
    assert shares.min() > 0.08
    assert shares.max() < 0.12


def test_classes_are_mixed(shipped):
    _, labels = shipped
    assert all(len(set(labels[start : start + 100])) >= 9 for start in range(0, 10_000, 100))


def test_no_image_occurs_twice(shipped):
    images, _ = shipped
    assert len({image.tobytes() for image in images}) == 10_000


def test_digits_are_the_first_10000_training_digits_of_mnist(shipped):
    if not FULL_MNIST.is_dir():
        pytest.skip("the full MNIST is not in ../shared/data")
    images = (FULL_MNIST / "train-images-idx3-ubyte").read_bytes()[16 : 16 + 10_000 * 784]
    labels = (FULL_MNIST / "train-labels-idx1-ubyte").read_bytes()[8 : 8 + 10_000]
    first = np.frombuffer(images, np.uint8).reshape(-1, 28, 28)
    assert _multiset(*shipped) == _multiset(first, np.frombuffer(labels, np.uint8))


def _multiset(images: np.ndarray, labels: np.ndarray) -> collections.Counter:
    return collections.Counter(
        hashlib.sha256(bytes([label]) + image.tobytes()).digest()
        for image, label in zip(images, labels, strict=True)
    )


# ----------------------------------------------------------------------------- make_digits.py


def _write_archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return path


def _class_file(images: np.ndarray) -> bytes:
    """Return the package's JSON for these images: pixels / 255, rounded to three decimals."""
    texts = [f"{round(pixel / 255, 3):g}" for pixel in range(256)]
    return f'{{ "data": [{",".join(texts[pixel] for pixel in images.tobytes())}]}}'.encode()


def _package(images: np.ndarray, labels: np.ndarray) -> dict[str, bytes]:
    return {
        f"package/src/digits/{digit}.json": _class_file(images[labels == digit])
        for digit in range(10)
    }


def _run(*arguments, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _is_zlib_ng() -> bool:
    return "zlib-ng" in getattr(zlib, "ZLIBNG_VERSION", zlib.ZLIB_RUNTIME_VERSION)


def _assert_is_the_shipped_file(path: Path, shipped: tuple[np.ndarray, np.ndarray]) -> None:
    with np.load(path) as archive:
        assert np.array_equal(archive["images"], shipped[0])
        assert np.array_equal(archive["labels"], shipped[1])
    if not _is_zlib_ng():  # it compresses to other bytes
        assert path.read_bytes() == DIGITS.read_bytes()


def test_script_makes_the_shipped_file_from_an_archive_of_its_digits(shipped, tmp_path):
    # The package lists the digits of a class in another order; the script must not care.
    images, labels = (array[::-1] for array in shipped)
    archive = _write_archive(tmp_path / "digits.tgz", _package(images, labels))
    output = tmp_path / "out.npz"
    done = _run(archive, "--output", output)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert hashlib.sha256(output.read_bytes()).hexdigest() in done.stdout
    _assert_is_the_shipped_file(output, shipped)


def test_script_makes_the_shipped_file_from_the_real_archive(shipped, tmp_path):
    archive = os.environ.get("MNIST_ARCHIVE")
    if not archive:
        pytest.skip(
            "MNIST_ARCHIVE is not set to the path of mnist-1.1.0.tgz (npm pack mnist@1.1.0)"
        )
    output = tmp_path / "out.npz"
    assert _run(archive, "--output", output).returncode == 0
    _assert_is_the_shipped_file(output, shipped)


@pytest.fixture
def small() -> tuple[np.ndarray, np.ndarray]:
    """Random digits: two of class 0, three of class 1, and so on."""
    labels = np.repeat(np.arange(10, dtype=np.uint8), range(2, 12))
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)
    return images, labels


def test_small_archive_gives_its_digits(small, tmp_path):
    archive = _write_archive(tmp_path / "small.tgz", _package(*small))
    read = make_digits.read_archive(archive, counts=range(2, 12))
    for actual, expected in zip(read, small, strict=True):
        assert actual.dtype == np.uint8
        assert np.array_equal(actual, expected)
    mixed = make_digits.mix(*read)
    assert _multiset(*mixed) == _multiset(*small)
    digests = [hashlib.sha256(image.tobytes()).digest() for image in mixed[0]]
    assert digests == sorted(digests)


def test_bytes_depend_on_the_arrays_alone(small, tmp_path, monkeypatch):
    expected = make_digits.pack(*small)
    assert list(np.load(io.BytesIO(expected))) == ["images", "labels"]
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    monkeypatch.setattr(sys, "platform", "win32")  # zipfile writes the system into its headers
    assert make_digits.pack(*small) == expected
    file = tmp_path / "pack.npz"
    code = (
        "import sys, runpy, numpy; names = runpy.run_path(sys.argv[1]); "
        "archive = numpy.load(sys.argv[2]); "
        "sys.stdout.buffer.write(names['pack'](archive['images'], archive['labels']))"
    )
    file.write_bytes(expected)
    for zone, seed in (("Asia/Tokyo", "1"), ("America/Lima", "2")):
        again = subprocess.run(
            [sys.executable, "-c", code, SCRIPT, file],
            env={**os.environ, "TZ": zone, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert again.stdout == expected


def _broken_archives() -> dict[str, bytes | None]:
    """Return files that are not the package, by what is wrong with them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        header = tarfile.TarInfo("package/src/digits/0.json")
        content = np.random.default_rng(0).bytes(100_000)
        header.size = len(content)
        archive.addfile(header, io.BytesIO(content))
    whole = buffer.getvalue()
    flipped = bytearray(whole)
    flipped[len(whole) // 2 : len(whole) // 2 + 20] = bytes(20)
    return {
        "missing": None,
        "empty": b"",
        "not gzip": b"<html>404 Not Found</html>",
        "not tar": gzip.compress(b"no tar file"),
        "truncated": whole[: len(whole) // 2],
        "damaged": bytes(flipped),
        "not JSON": whole,
    }


@pytest.mark.parametrize("what", _broken_archives())
def test_broken_archive_exits_2_with_one_line(what, tmp_path):
    archive = tmp_path / "broken.tgz"
    content = _broken_archives()[what]
    if content is not None:
        archive.write_bytes(content)
    output = tmp_path / "out.npz"
    done = _run(archive, "--output", output)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"make_digits\.py: .*broken\.tgz.*\n", done.stderr)
    assert not output.exists()


BLANK = b"0," * 783 + b"0"
WRONG_CLASS_FILES = {
    "no data": (b'{"digits": []}', 'not {"data": [numbers]}'),
    "a list": (b"[0, 1]", 'not {"data": [numbers]}'),
    "text": (b'{"data": "digits"}', 'not {"data": [numbers]}'),
    "nested": (b'{"data": [[0, 1], [2]]}', 'not {"data": [numbers]}'),
    "deep": (b"[" * 100_000, 'not {"data": [numbers]}'),
    "too few": (b'{"data": [%b]}' % BLANK, "0.json holds 1 images of 28 by 28, not 2"),
    "part of an image": (b'{"data": [0, 0]}', "not 2"),
    "negative": (b'{"data": [%b,-1,%b]}' % (BLANK, BLANK[2:]), "outside 0 to 1"),
    "too large": (b'{"data": [%b,1.01,%b]}' % (BLANK, BLANK[2:]), "outside 0 to 1"),
    "not a number": (b'{"data": [%b,NaN,%b]}' % (BLANK, BLANK[2:]), "outside 0 to 1"),
    "infinite": (b'{"data": [%b,1e999,%b]}' % (BLANK, BLANK[2:]), "outside 0 to 1"),
    "between pixels": (b'{"data": [%b,0.002,%b]}' % (BLANK, BLANK[2:]), "0.490 away"),
}


@pytest.mark.parametrize("what", WRONG_CLASS_FILES)
def test_wrong_class_file_is_refused(what, tmp_path):
    content, message = WRONG_CLASS_FILES[what]
    archive = _write_archive(tmp_path / "a.tgz", {"package/src/digits/0.json": content})
    with pytest.raises(make_digits.BadArchive, match=re.escape(message)):
        make_digits.read_archive(archive, counts=[2])


def test_largest_rounding_error_is_accepted(tmp_path):
    pixels = np.arange(256, dtype=np.uint8).repeat(49).reshape(16, 28, 28)
    archive = _write_archive(tmp_path / "a.tgz", {"package/src/digits/0.json": _class_file(pixels)})
    images, labels = make_digits.read_archive(archive, counts=[16])
    assert np.array_equal(images, pixels)
    assert labels.tolist() == [0] * 16


def test_missing_class_is_named(tmp_path, capsys):
    archive = _write_archive(tmp_path / "a.tgz", {"package/package.json": b"{}"})
    assert make_digits.main([str(archive), "--output", str(tmp_path / "out.npz")]) == 2
    error = capsys.readouterr().err
    assert "package/src/digits/0.json" in error
    assert error.count("\n") == 1


def test_folder_in_place_of_a_class_file_is_refused(tmp_path):
    path = tmp_path / "a.tgz"
    with tarfile.open(path, "w:gz") as archive:
        header = tarfile.TarInfo("package/src/digits/0.json")
        header.type = tarfile.DIRTYPE
        archive.addfile(header)
    with pytest.raises(make_digits.BadArchive, match=r"0\.json is not"):
        make_digits.read_archive(path, counts=[2])


def test_output_that_cannot_be_written_exits_2(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_digits, "read_archive", lambda path: small)
    assert make_digits.main(["a.tgz", "--output", str(tmp_path / "no" / "out.npz")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# ----------------------------------------------------------------------------- data_folders


def test_data_folders_nearest_first(tmp_path, monkeypatch):
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "mine"))
    folders = course_helper.data_folders()
    assert folders[:5] == [
        tmp_path / "mine",
        work / "data",
        work / "shared" / "data",
        work.parent / "data",
        work.parent / "shared" / "data",
    ]
    assert ROOT / "data" in folders
    assert len(folders) == len(set(folders))


def test_course_data_comes_first(tmp_path, monkeypatch, capsys):
    shutil.copy(DIGITS, tmp_path)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    course_helper.load_digits(full=False)
    assert str(tmp_path / "digits.npz") in capsys.readouterr().out


def test_digits_are_found_from_any_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    images, _ = course_helper.load_digits(full=False)
    assert len(images) == 8_000
    assert str(DIGITS) in capsys.readouterr().out


def test_folder_that_may_not_be_searched_is_passed_over(shipped_folder, monkeypatch):
    closed = shipped_folder.parent / "closed"  # such as a server's /data
    monkeypatch.setattr(course_helper, "data_folders", lambda: [closed, shipped_folder])
    stat = os.stat

    def refuse(path, *arguments, **options):
        if str(path).startswith(str(closed)):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)
    images, _ = course_helper.load_digits()
    assert len(images) == 8_000


# ----------------------------------------------------------------------------- load_digits


def _assert_digits(digits: tuple[torch.Tensor, torch.Tensor], count: int) -> None:
    images, labels = digits
    assert (images.shape, images.dtype) == ((count, 28, 28), torch.uint8)
    assert (labels.shape, labels.dtype) == ((count,), torch.int64)


@pytest.mark.parametrize(("train", "part"), [(True, slice(8_000)), (False, slice(8_000, None))])
def test_shipped_digits_are_used_without_the_full_set(train, part, shipped, shipped_folder, capsys):
    images, labels = course_helper.load_digits(train)
    _assert_digits((images, labels), 8_000 if train else 2_000)
    assert np.array_equal(images.numpy(), shipped[0][part])
    assert np.array_equal(labels.numpy(), shipped[1][part])
    path = shipped_folder / "digits.npz"
    count = "8,000" if train else "2,000"
    expected = f"Digits: shipped digits, {count} images, from {path}\n"
    assert capsys.readouterr().out == expected


def test_each_call_returns_its_own_copy(shipped_folder):
    images, labels = course_helper.load_digits()
    images.zero_()
    labels.zero_()
    images, labels = course_helper.load_digits()
    assert images.max() == 255
    assert labels.max() == 9


@pytest.mark.parametrize("full", [None, True])
@pytest.mark.parametrize("train", [True, False])
def test_full_set_is_used_where_it_lies_on_disk(full, train, shipped_folder, capsys):
    _write_full_mnist(shipped_folder)
    digits = course_helper.load_digits(train, full=full)
    count = 60_000 if train else 10_000
    _assert_digits(digits, count)
    expected = f"Digits: full MNIST, {count:,} images, from {shipped_folder / 'MNIST'}\n"
    assert capsys.readouterr().out == expected


def test_shipped_digits_are_used_on_request(shipped_folder, capsys):
    _write_full_mnist(shipped_folder)
    _assert_digits(course_helper.load_digits(full=False), 8_000)
    assert "shipped digits" in capsys.readouterr().out


def test_real_full_set(monkeypatch, capsys):
    if not FULL_MNIST.is_dir():
        pytest.skip("the full MNIST is not in ../shared/data")
    monkeypatch.setattr(course_helper, "data_folders", lambda: [FULL_MNIST.parents[1]])
    images, labels = course_helper.load_digits(train=False)
    _assert_digits((images, labels), 10_000)
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert "full MNIST, 10,000 images" in capsys.readouterr().out


@pytest.mark.parametrize("name", FULL_SHAPES)
def test_incomplete_full_set_is_passed_over(name, shipped_folder):
    (_write_full_mnist(shipped_folder) / name).unlink()
    _assert_digits(course_helper.load_digits(), 8_000)


def test_full_set_in_a_second_folder_is_found(shipped_folder, monkeypatch, tmp_path):
    (_write_full_mnist(shipped_folder) / "train-labels-idx1-ubyte").unlink()
    _write_full_mnist(tmp_path / "second")
    folders = [shipped_folder, tmp_path / "second"]
    monkeypatch.setattr(course_helper, "data_folders", lambda: folders)
    _assert_digits(course_helper.load_digits(), 60_000)


def test_full_without_data_says_what_to_do(shipped_folder):
    with pytest.raises(course_helper.DataError) as caught:
        course_helper.load_digits(full=True)
    assert "load_digits(download=True)" in str(caught.value)
    assert "load_digits(full=False)" in str(caught.value)


def _damage(raw: Path, name: str, how: str) -> None:
    path, shape = raw / name, FULL_SHAPES[name]
    if how == "truncated":
        _write_idx(path, shape, missing=1_000)
    elif how == "header only":
        _write_idx(path, shape, missing=int(np.prod(shape)))
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "short header":
        path.write_bytes(b"\0\0\x08\x03\0\0")
    elif how == "unknown type":
        path.write_bytes(b"\0\0\x0a\x01\0\0\0\x01\0")
    elif how == "other type":
        path.write_bytes(b"\0\0\x09\x01\0\0\0\x01\0")
    elif how == "web page":
        path.write_bytes(b"<html>404 Not Found</html>" * 1_000)
    elif how == "other size":
        _write_idx(path, (100, *shape[1:]))
    elif how == "too long":
        path.write_bytes(path.read_bytes()[:16] + b"\0" * (int(np.prod(shape)) + 100))


@pytest.mark.parametrize(
    "how",
    [
        "truncated",
        "header only",
        "empty",
        "short header",
        "unknown type",
        "other type",
        "web page",
        "other size",
        "too long",
    ],
)
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
@pytest.mark.parametrize("full", [None, True])
def test_damaged_full_set_says_what_to_do(how, name, full, shipped_folder):
    raw = _write_full_mnist(shipped_folder)
    _damage(raw, name, how)
    with pytest.raises(course_helper.DataError) as caught:
        course_helper.load_digits(full=full)
    assert str(raw) in str(caught.value)
    assert "Delete that folder" in str(caught.value)
    assert "load_digits(full=False)" in str(caught.value)
    _assert_digits(course_helper.load_digits(full=False), 8_000)


def test_missing_digits_say_what_to_do(folder):
    with pytest.raises(course_helper.DataError, match="COURSE_DATA"):
        course_helper.load_digits()


@pytest.mark.parametrize("how", ["truncated", "flipped", "empty"])
def test_damaged_digits_say_what_to_do(how, shipped_folder):
    path = shipped_folder / "digits.npz"
    content = path.read_bytes()
    middle = len(content) // 2
    flip = bytes([content[middle] ^ 1])
    path.write_bytes(
        {
            "truncated": content[:middle],
            "flipped": content[:middle] + flip + content[middle + 1 :],
            "empty": b"",
        }[how]
    )
    with pytest.raises(course_helper.DataError) as caught:
        course_helper.load_digits()
    assert str(path) in str(caught.value)
    assert "course repository again" in str(caught.value)


# ----------------------------------------------------------------------------- download


@pytest.fixture
def no_network(monkeypatch) -> None:
    """Every connection fails at once, as on a machine without a network."""

    def refuse(*arguments, **options):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    _forget_proxies(monkeypatch)


def _forget_proxies(monkeypatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_network")
def test_failed_download_falls_back_and_says_so(shipped_folder, capsys):
    start = time.monotonic()
    _assert_digits(course_helper.load_digits(download=True), 8_000)
    assert time.monotonic() - start < 5
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Downloading MNIST (11 MB) ..."
    assert len(lines) == 3
    assert "download failed" in lines[1]
    assert "Temporary failure in name resolution" in lines[1]
    assert lines[2].startswith("Digits: shipped digits, 8,000 images")
    # What the failed download left behind does not disturb the next call.
    _assert_digits(course_helper.load_digits(), 8_000)


@pytest.mark.usefixtures("no_network")
def test_failed_download_of_a_set_that_was_insisted_on(shipped_folder, capsys):
    with pytest.raises(course_helper.DataError, match="not on this machine"):
        course_helper.load_digits(full=True, download=True)
    output = capsys.readouterr().out
    assert "download failed" in output
    assert "shipped" not in output


@pytest.mark.usefixtures("no_network")
def test_nothing_is_downloaded_that_is_on_disk_or_not_wanted(shipped_folder, capsys):
    course_helper.load_digits(full=False, download=True)
    _write_full_mnist(shipped_folder)
    _assert_digits(course_helper.load_digits(download=True), 60_000)
    assert "Downloading" not in capsys.readouterr().out


def test_silent_server_is_given_up(shipped_folder, monkeypatch, capsys):
    _forget_proxies(monkeypatch)
    monkeypatch.setattr(course_helper, "DOWNLOAD_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:  # it accepts and never answers
        port = server.getsockname()[1]
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{port}/"])
        start = time.monotonic()
        _assert_digits(course_helper.load_digits(download=True), 8_000)
    assert time.monotonic() - start < 5
    assert "timed out" in capsys.readouterr().out
    assert socket.getdefaulttimeout() is None


def test_answer_that_is_no_http_falls_back(shipped_folder, monkeypatch, capsys):
    _forget_proxies(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(b"please log in\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.getsockname()[1]}/"])
        _assert_digits(course_helper.load_digits(download=True), 8_000)
        thread.join()
    assert "download failed: please log in" in capsys.readouterr().out


def test_folder_that_cannot_be_written_falls_back(shipped_folder, capsys):
    (shipped_folder / "MNIST").write_text("a file where the download needs a folder")
    _assert_digits(course_helper.load_digits(download=True), 8_000)
    assert "download failed" in capsys.readouterr().out


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Iterator[Path]:
    """A folder that serves a blank MNIST of the full size in place of the mirrors."""
    source = tmp_path / "mirror"
    raw = _write_full_mnist(source)
    resources = []
    for name in FULL_SHAPES:
        packed = source / f"{name}.gz"
        with (raw / name).open("rb") as file, gzip.open(packed, "wb", compresslevel=1) as target:
            shutil.copyfileobj(file, target)
        resources.append((packed.name, hashlib.md5(packed.read_bytes()).hexdigest()))
    shutil.rmtree(raw)
    monkeypatch.setattr(MNIST, "resources", resources)
    _forget_proxies(monkeypatch)
    # A server and no file: URL, as torchvision asks for the length of what it downloads.
    handler = functools.partial(_QuietHandler, directory=source)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        yield source
        server.shutdown()


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.usefixtures("mirror")
def test_download_gives_the_full_set(train, shipped_folder, capsys):
    count = 60_000 if train else 10_000
    _assert_digits(course_helper.load_digits(train, download=True), count)
    last = f"Digits: full MNIST, {count:,} images, from {shipped_folder / 'MNIST'}"
    assert capsys.readouterr().out.splitlines() == ["Downloading MNIST (11 MB) ...", last]
    # The next call finds it on disk.
    _assert_digits(course_helper.load_digits(train), count)
    assert capsys.readouterr().out.splitlines() == [last]


@pytest.mark.usefixtures("mirror")
def test_download_without_a_data_folder_makes_one(tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(course_helper, "data_folders", lambda: [work / "data"])
    _assert_digits(course_helper.load_digits(train=False, download=True), 10_000)
    assert (work / "data" / "MNIST" / "raw" / "t10k-images-idx3-ubyte").is_file()


@pytest.mark.usefixtures("mirror")
def test_download_goes_to_the_nearest_folder_that_can_be_written(
    shipped_folder, tmp_path, monkeypatch
):
    folders = [tmp_path / "none", tmp_path / "read-only", shipped_folder]
    folders[1].mkdir()
    monkeypatch.setattr(course_helper, "data_folders", lambda: folders)
    access = os.access  # root may write everywhere, so the mode bits would prove nothing
    monkeypatch.setattr(os, "access", lambda path, mode: path != folders[1] and access(path, mode))
    _assert_digits(course_helper.load_digits(train=False, download=True), 10_000)
    assert (shipped_folder / "MNIST" / "raw" / "t10k-images-idx3-ubyte").is_file()


def test_download_with_a_wrong_checksum_falls_back(mirror, shipped_folder, capsys):
    (mirror / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"something else"))
    _assert_digits(course_helper.load_digits(download=True), 8_000)
    assert "download failed" in capsys.readouterr().out


def test_download_completes_a_partial_set(mirror, shipped_folder):
    raw = _write_full_mnist(shipped_folder)
    (raw / "t10k-labels-idx1-ubyte").unlink()
    _damage(raw, "train-images-idx3-ubyte", "truncated")
    _assert_digits(course_helper.load_digits(download=True), 60_000)


def test_helper_source_has_no_placeholder():
    assert re.fullmatch(r"[0-9a-f]{64}", course_helper.DIGITS_SHA256)


def test_class_file_of_these_tests_is_the_packages_format():
    content = json.loads(_class_file(np.array([[0, 1, 254, 255]], dtype=np.uint8)))
    assert content == {"data": [0, 0.004, 0.996, 1]}
