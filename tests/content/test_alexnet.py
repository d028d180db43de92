"""The network of notebook 07: load_alexnet, the shipped small AlexNet, the script that made it."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import io
import re
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torchvision.models import AlexNet_Weights, alexnet

from tests.support.students_helper import course_helper

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "data" / "small_alexnet.npz"
SCRIPT = ROOT / "data" / "make_small_alexnet.py"
CIFAR10 = ROOT.parent / "shared" / "data" / "cifar10_jpg.tar"
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def _load_script():
    spec = importlib.util.spec_from_file_location("make_small_alexnet", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = _load_script()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    """An empty torch cache, and limits of a fraction of a second; return its folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("COURSE_STATIC_FIGURES", raising=False)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(course_helper, "ALEXNET_SECONDS", 0.4)
    monkeypatch.setattr(course_helper, "ALEXNET_DOWNLOAD_SECONDS", 1.5)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture(scope="module")
def full_state() -> bytes:
    """A file of AlexNet's weights, small because every tensor repeats one number."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in alexnet().state_dict().items()}
    content = io.BytesIO()
    torch.save({name: torch.tensor(0.01).expand(shape) for name, shape in shapes.items()}, content)
    return content.getvalue()


def use_url(monkeypatch, url: str) -> None:
    """Let load_alexnet download from another address."""
    real = course_helper._alexnet_file
    monkeypatch.setattr(course_helper, "_alexnet_file", lambda _: real(url))


def named(content: bytes) -> str:
    """Return a file name as torch's servers use it: with the first digits of the SHA-256."""
    return f"alexnet-owt-{hashlib.sha256(content).hexdigest()[:8]}.pth"


class Server(http.server.BaseHTTPRequestHandler):
    """Serves the class attribute ``content`` in blocks, with a pause before each."""

    content, block, pause, status = b"", 1 << 20, 0.0, 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        for start in range(0, len(self.content), self.block):
            time.sleep(self.pause)
            try:
                self.wfile.write(self.content[start : start + self.block])
            except OSError:  # nobody listens any more
                return

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def serve() -> Iterator:
    """Return a function that starts a server and returns its address."""
    servers = []

    def start(**attributes) -> str:
        handler = type("Handler", (Server,), attributes)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


# ----------------------------------------------------------------------------- the small network


def test_the_file_is_the_one_that_the_course_expects():
    content = SMALL.read_bytes()
    assert len(content) <= 4_000_000
    assert hashlib.sha256(content).hexdigest() == course_helper.ALEXNET_SHA256
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert course_helper.ALEXNET_SHA256 in readme
    assert f"{len(content):,} bytes" in readme


def test_its_arrays_are_alexnets_parameters():
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in alexnet().state_dict().items()}
    with np.load(SMALL, allow_pickle=False) as archive:
        arrays = dict(archive)
    assert arrays.pop("categories").tolist() == CLASSES
    assert list(arrays) == list(shapes)
    for name, array in arrays.items():
        assert array.dtype == np.float16
        assert np.isfinite(array).all()
        assert array.ndim == len(shapes[name])
        assert array.shape[0] <= shapes[name][0]


def test_small_network_has_alexnets_layers(capsys):
    model, categories, side = course_helper.load_alexnet(small=True)
    assert "small AlexNet" in capsys.readouterr().out
    assert (categories, side, model.training) == (CLASSES, 64, False)
    with torch.device("meta"):
        reference = alexnet()
    kinds = [(name, type(layer)) for name, layer in model.named_modules()]
    assert kinds == [(name, type(layer)) for name, layer in reference.named_modules()]
    assert all(p.requires_grad and p.dtype == torch.float32 for p in model.parameters())
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 10)
    assert model(torch.zeros(1, 3, 90, 70)).shape == (1, 10)


def test_first_filters_are_smooth():
    """Noise has neighbouring weights that do not correlate; edges and blobs have others."""
    with np.load(SMALL) as archive:
        filters = torch.from_numpy(archive["features.0.weight"]).double()
    left, right = filters[..., :-1].flatten(1), filters[..., 1:].flatten(1)
    correlation = torch.stack([torch.corrcoef(torch.stack(p))[0, 1] for p in zip(left, right)])  # noqa: B905
    assert correlation.median() > 0.6


@pytest.mark.skipif(not CIFAR10.is_file(), reason="CIFAR-10 is not on this machine")
def test_small_network_is_right_for_three_quarters_of_cifar10():
    images, labels = [], []
    with tarfile.open(CIFAR10) as archive:
        for member in archive:
            match = re.fullmatch(r"test/(\w+)/0*(\d+)\.jpg", member.name)
            if match and int(match[2]) % 10 == 0:
                images.append(np.asarray(Image.open(archive.extractfile(member))))
                labels.append(CLASSES.index(match[1]))
            if member.name.startswith("train/"):
                break
    assert len(labels) >= 1000
    with np.load(SMALL) as archive:
        accuracy = script.test(archive, torch.from_numpy(np.stack(images)), torch.tensor(labels))
    assert accuracy >= 0.75


def test_a_damaged_file_is_an_error(monkeypatch, tmp_path):
    (tmp_path / "small_alexnet.npz").write_bytes(SMALL.read_bytes()[:-1])
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(course_helper.DataError, match=r"small_alexnet\.npz is damaged"):
        course_helper.load_alexnet(small=True)


def test_a_missing_file_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(course_helper, "data_folders", lambda: [tmp_path])
    with pytest.raises(course_helper.DataError, match="COURSE_DATA"):
        course_helper.load_alexnet(small=True)


# ----------------------------------------------------------------------------- AlexNet itself


def test_a_filled_cache_gives_alexnet(cache, full_state, capsys, monkeypatch):
    cache.mkdir(parents=True)
    (cache / AlexNet_Weights.IMAGENET1K_V1.url.rpartition("/")[2]).write_bytes(full_state)
    monkeypatch.setenv("COURSE_STATIC_FIGURES", "1")
    model, categories, side = course_helper.load_alexnet()
    assert capsys.readouterr().out.startswith("Network: torchvision's AlexNet")
    assert (len(categories), side, model.training) == (1000, 224, False)
    assert categories[282] == "tiger cat"
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)


def test_a_damaged_cache_gives_the_small_network(cache, full_state, capsys):
    cache.mkdir(parents=True)
    path = cache / AlexNet_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    path.write_bytes(full_state[: len(full_state) // 2])
    assert course_helper.load_alexnet()[2] == 64
    output = capsys.readouterr().out
    assert f"{path} is damaged" in output
    assert "small AlexNet" in output


def test_small_is_taken_when_it_is_asked_for(cache, full_state):
    cache.mkdir(parents=True)
    (cache / AlexNet_Weights.IMAGENET1K_V1.url.rpartition("/")[2]).write_bytes(full_state)
    assert course_helper.load_alexnet(small=True)[2] == 64


def test_a_download_fills_the_cache(cache, full_state, serve, monkeypatch):
    name = named(full_state)
    use_url(monkeypatch, serve(content=full_state) + name)
    assert course_helper.load_alexnet()[2] == 224
    assert [path.name for path in cache.iterdir()] == [name]
    assert (cache / name).read_bytes() == full_state


def test_nothing_is_downloaded_without_a_person(cache, monkeypatch):
    monkeypatch.setenv("COURSE_STATIC_FIGURES", "1")
    monkeypatch.setattr(course_helper, "_download", lambda *arguments: pytest.fail("it did"))
    assert course_helper.load_alexnet()[2] == 64


def expect_fallback(cache: Path, capsys, reason: str) -> None:
    """Check that load_alexnet gives the small network in seconds and leaves no file."""
    began = time.monotonic()
    assert course_helper.load_alexnet()[2] == 64
    assert time.monotonic() - began < 8
    output = capsys.readouterr().out
    assert re.search(rf"The download failed: .*{reason}", output)
    assert "small AlexNet" in output
    time.sleep(0.2)
    assert not cache.is_dir() or not list(cache.iterdir())


def test_a_refused_connection_falls_back(cache, capsys, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    use_url(monkeypatch, f"http://127.0.0.1:{port}/alexnet-owt-7be5be79.pth")
    expect_fallback(cache, capsys, "refused")


def test_a_name_that_is_not_found_falls_back(cache, capsys, monkeypatch):
    def look_up(*arguments, **keywords):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    use_url(monkeypatch, "http://weights.invalid/alexnet-owt-7be5be79.pth")
    expect_fallback(cache, capsys, "not known")


def test_a_name_server_that_hangs_falls_back(cache, capsys, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **keywords: time.sleep(20))
    use_url(monkeypatch, "http://weights.invalid/alexnet-owt-7be5be79.pth")
    expect_fallback(cache, capsys, "no answer")


def test_a_silent_server_falls_back(cache, capsys, monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/alexnet-owt-7be5be79.pth"
        use_url(monkeypatch, url)
        expect_fallback(cache, capsys, "(no answer|timed out)")


def test_a_server_that_stops_in_the_middle_falls_back(
    cache, capsys, full_state, serve, monkeypatch
):
    url = serve(content=full_state, block=len(full_state) // 3, pause=0.0)
    monkeypatch.setattr(Server, "do_GET", _send_a_third)
    use_url(monkeypatch, url + named(full_state))
    expect_fallback(cache, capsys, "(no answer|timed out|SHA-256)")


def _send_a_third(handler: Server) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(handler.content)))
    handler.end_headers()
    handler.wfile.write(handler.content[: handler.block])
    handler.wfile.flush()
    time.sleep(5)


def test_a_slow_server_falls_back(cache, capsys, full_state, serve, monkeypatch):
    url = serve(content=full_state, block=10, pause=0.1)
    use_url(monkeypatch, url + named(full_state))
    expect_fallback(cache, capsys, "not done")


def test_an_error_of_the_server_falls_back(cache, capsys, serve, monkeypatch):
    use_url(monkeypatch, serve(status=404) + "alexnet-owt-7be5be79.pth")
    expect_fallback(cache, capsys, "404")


def test_another_file_falls_back(cache, capsys, full_state, serve, monkeypatch):
    use_url(monkeypatch, serve(content=full_state) + "alexnet-owt-7be5be79.pth")
    expect_fallback(cache, capsys, "SHA-256")


# ----------------------------------------------------------------------------- the script


@pytest.fixture(scope="module")
def tiny_tar(tmp_path_factory) -> Path:
    """Four noisy training and two test images a class, as the tar file has them."""
    path = tmp_path_factory.mktemp("cifar") / "images.tar"
    generator = np.random.default_rng(7)
    with tarfile.open(path, "w") as archive:
        for part, count in (("test", 2), ("train", 4)):
            for category in CLASSES:
                for number in range(count):
                    content = io.BytesIO()
                    pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(content, "JPEG")
                    member = tarfile.TarInfo(f"{part}/{category}/{number:04d}.jpg")
                    member.size = content.tell()
                    content.seek(0)
                    archive.addfile(member, content)
    return path


def test_the_script_writes_a_file_that_loads_and_repeats_itself(tiny_tar, tmp_path):
    checksums = []
    for name in ("one.npz", "two.npz"):
        options = ["--output", str(tmp_path / name), "--epochs", "1", "--batch", "20"]
        result = CliRunner().invoke(script.main, [str(tiny_tar), *options])
        assert result.exit_code == 0, result.output
        assert re.search(r"Test accuracy with the float16 weights: \d+\.\d\d %", result.output)
        checksums.append(re.search(r"SHA-256 (\w{64})", result.output)[1])
    assert checksums[0] == checksums[1]
    with np.load(tmp_path / "one.npz") as archive:
        assert archive["categories"].tolist() == CLASSES
        assert course_helper.small_alexnet(archive)(torch.zeros(1, 3, 64, 64)).shape == (1, 10)


def test_folding_batch_norm_changes_nothing():
    torch.manual_seed(3)
    model = script.build()
    for layer in model:
        if isinstance(layer, torch.nn.BatchNorm2d):
            for value in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                torch.nn.init.uniform_(value, 0.5, 1.5)
    model.eval()
    x = torch.randn(3, 3, 64, 64)
    weights = {name: value.numpy() for name, value in script.fold(model).items()}
    with torch.no_grad():
        torch.testing.assert_close(
            course_helper.small_alexnet(weights)(x), model(x), rtol=1e-4, atol=1e-4
        )
