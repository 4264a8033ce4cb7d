"""Tests of connector.config.profiles, hosts and venues."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from connector.config import SessionConfig, profiles
from connector.config.profiles import (
    Environment,
    Profile,
    default_file,
    profile_names,
    resolve,
)
from connector.config.venues import VENUES, venue_of, venue_words
from connector.errors import ConfigError, WrongEnvironment
from connector.model.credentials import KeyName
from connector.venues import registry

Write = Callable[[str], Path]

DESK = """
[paper.desk]
venue = "binance"
[paper.desk.endpoints]
rest = "http://127.0.0.1:8800"
stream = "ws://127.0.0.1:8800/private"
public = "ws://127.0.0.1:8800/market"
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(text: str) -> Path:
        path = tmp_path / "profiles.toml"
        path.write_text(textwrap.dedent(text))
        return path

    return put


def none(word: str) -> Profile:
    """Resolve without any file."""
    return resolve(word, environ={"XDG_CONFIG_HOME": "/nonexistent"})


def endpoints(environment: str, **urls: str) -> str:
    """A profile file with one profile x and these endpoints."""
    given = {"rest": "https://h.example", "stream": "wss://h.example"}
    given |= {"public": "wss://h.example"} | urls
    lines = "\n".join(f'{name} = "{url}"' for name, url in given.items())
    return (
        f'[{environment}.x]\nvenue = "binance"\n[{environment}.x.endpoints]\n{lines}\n'
    )


class TestBuiltIn:
    @pytest.mark.parametrize("environment", list(Environment))
    @pytest.mark.parametrize("word", venue_words())
    def test_every_venue_word_is_a_profile(
        self, environment: Environment, word: str
    ) -> None:
        """Without a file, every venue and every short name works everywhere."""
        profile = none(f"{environment}:{word}")

        assert profile.environment is environment
        assert profile.venue == venue_of(word)
        assert profile.endpoints is None
        assert profile.config == SessionConfig()
        assert str(profile) == profile.text == f"{environment}:{word}"

    def test_short_and_full_name_mean_one_key(self) -> None:
        """A key stored under one spelling is found under the other."""
        assert none("live:binance").key_name == none("live:binance-usdm").key_name

    def test_a_name_after_the_slash_is_the_key(self) -> None:
        """live:VENUE/NAME is the same venue with another key."""
        profile = none("live:binance/hedge")

        expected = KeyName(venue="binance-usdm", environment="live", name="hedge")
        assert profile.key_name == expected

    def test_only_paper_without_endpoints_is_embedded(self) -> None:
        """paper:VENUE starts the simulated venue, the others never do."""
        embedded = [none(f"{item}:binance").is_embedded for item in Environment]

        assert embedded == [True, False, False]
        assert [none(f"{item}:binance").is_live for item in Environment] == [
            False,
            False,
            True,
        ]

    @pytest.mark.parametrize(
        ("word", "parts"),
        [
            ("binance", ["ENVIRONMENT:NAME", "paper:binance"]),
            ("paper:", ["ENVIRONMENT:NAME"]),
            ("", ["ENVIRONMENT:NAME", "paper, testnet, live"]),
            ("prod:binance", ["no environment 'prod'", "paper, testnet, live"]),
            ("papr:binance", ["did you mean 'paper'?"]),
            ("paper:binanec", ["did you mean 'paper:binance'?", "paper:binance-usdm"]),
            ("paper:" + "x" * 5000, ["no profile"]),
        ],
    )
    def test_errors_name_what_exists(self, word: str, parts: list[str]) -> None:
        """A wrong word says what is allowed and what was perhaps meant."""
        with pytest.raises(ConfigError) as caught:
            none(word)

        text = str(caught.value)
        assert [part for part in parts if part not in text] == []
        assert len(text) < 400

    def test_the_venues_are_those_of_the_registry(self) -> None:
        """The words for venues, kept below the venues, do not drift apart."""
        assert tuple(sorted(VENUES)) == registry.venue_names()
        assert all(registry.venue_of(w) == venue_of(w) for w in venue_words())

    @pytest.mark.parametrize("venue", sorted(VENUES))
    def test_the_hosts_are_those_of_the_dialects(self, venue: str) -> None:
        """A host that a venue publishes for one environment is known as such."""
        dialect = registry.dialect_for(venue)
        for environment, known in (
            ("live", VENUES[venue].live_hosts),
            ("testnet", VENUES[venue].testnet_hosts),
        ):
            published = dialect.endpoints(environment)
            urls = () if published is None else published.urls()
            hosts = {urlsplit(url).hostname for url in urls}
            assert hosts - known - VENUES[venue].shared_hosts == set()


class TestFile:
    def test_the_documented_file_is_valid(self, write: Write) -> None:
        """The example in the module's text loads, and says what it says."""
        assert profiles.__doc__ is not None
        example = profiles.__doc__.partition("::\n")[2].partition("\nEnvironments")[0]
        path = write(example)

        assert profile_names(file=path) == ("live:hedge", "paper:desk")
        desk, hedge = (
            resolve(word, file=path) for word in ("paper:desk", "live:hedge")
        )
        assert desk.endpoints is not None
        assert desk.endpoints.rest == "http://127.0.0.1:8800"
        assert desk.paper_credentials is not None
        assert not desk.is_embedded
        assert hedge.endpoints is None
        assert (hedge.config.audit_interval_s, hedge.config.open_timeout_s) == (30, 20)
        assert hedge.key_name.profile == "live:binance-usdm/hedge"
        assert hedge.key_options.secret_directory == Path("/run/secrets")
        assert hedge.key_options.use_os_keyring is False
        assert hedge.file == path

    def test_the_file_wins_over_a_built_in_name(self, write: Write) -> None:
        """paper:binance can be given an address."""
        path = write(DESK.replace("desk", "binance"))

        assert resolve("paper:binance", file=path).endpoints is not None
        assert resolve("paper:binance-usdm", file=path).is_embedded

    def test_the_key_is_called_like_the_profile(self, write: Write) -> None:
        """Without keys.name, two profiles of one venue have two keys."""
        path = write(DESK)

        assert resolve("paper:desk", file=path).key_name.name == "desk"

    def test_where_the_file_is(self, tmp_path: Path, write: Write) -> None:
        """Argument, then CONNECTOR_PROFILES, then XDG_CONFIG_HOME, then ~/.config."""
        path = write(DESK)
        home = tmp_path / "xdg" / "connector"
        home.mkdir(parents=True)
        (home / "profiles.toml").write_text(DESK.replace("desk", "home"))
        xdg = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
        both = xdg | {"CONNECTOR_PROFILES": str(path)}

        assert profile_names(environ=xdg) == ("paper:home",)
        assert profile_names(environ=both) == ("paper:desk",)
        assert profile_names(file=home / "profiles.toml", environ=both) == (
            "paper:home",
        )
        assert default_file({}) == Path.home() / ".config/connector/profiles.toml"

    def test_a_named_file_must_exist(self, tmp_path: Path) -> None:
        """A typing error in the file's name is not a silent built-in profile."""
        absent = tmp_path / "absent.toml"

        with pytest.raises(
            ConfigError, match=r"absent\.toml: no such file.*--profiles"
        ):
            resolve("paper:binance", file=absent)
        with pytest.raises(ConfigError, match=r"no such file.*CONNECTOR_PROFILES"):
            resolve("paper:binance", environ={"CONNECTOR_PROFILES": str(absent)})

    def test_a_file_that_anybody_may_write_is_refused(self, write: Write) -> None:
        """It says where signed requests go."""
        path = write(DESK)
        path.chmod(0o646)

        with pytest.raises(ConfigError, match="chmod o-w"):
            resolve("paper:desk", file=path)

    def test_unknown_names_list_what_is_defined(self, write: Write) -> None:
        """The error knows the file's profiles too."""
        path = write(DESK)

        with pytest.raises(ConfigError, match=r"did you mean 'paper:desk'.*defines"):
            resolve("paper:dekc", file=path)

    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("[paper.x", ["not TOML"]),
            ("[prod.x]\nvenue = 'binance'", ["[prod]", "paper, testnet, live"]),
            ("paper = 1", ["[paper]: must be a table"]),
            ("[paper]\nx = 1", ["[paper.x]: must be a table"]),
            ("[paper.'a b']\nvenue = 'binance'", ["letters, digits"]),
            ("[paper.x]\nventue = 'binance'", ["'ventue'", "did you mean 'venue'?"]),
            ("[paper.x]", ["venue is missing"]),
            ("[paper.x]\nvenue = 'binanse'", ["did you mean 'binance'?"]),
            ("[paper.x]\nvenue = 3", ["venue", "string"]),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.session]\naudit_interval=3",
                ["'audit_interval'", "did you mean 'audit_interval_s'?"],
            ),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.session]\naudit_interval_s='3'",
                ["audit_interval_s", "a number"],
            ),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.session]\naudit_interval_s=true",
                ["audit_interval_s", "a number"],
            ),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.session]\naudit_interval_s=-1",
                ["audit_interval_s", "above 0"],
            ),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.session]\naudit_interval_s=nan",
                ["audit_interval_s", "finite"],
            ),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.session]\ndurability='disk'",
                ["durability", '"power" or "process"'],
            ),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.session]\ndurability=1",
                ["durability", "text"],
            ),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.session]\nbuffer_max=1.5",
                ["buffer_max", "whole number"],
            ),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.keys]\nnmae='a'",
                ["'keys.nmae'", "did you mean 'name'?"],
            ),
            ("[paper.x]\nvenue='binance'\n[paper.x.keys]\nname='a b'", ["keys.name"]),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.keys]\napi_key='k'",
                ["go together"],
            ),
            (
                "[paper.x]\nvenue='binance'\n[paper.x.endpoints]\nrest='http://[::1]'",
                ["endpoints.stream is missing", "all or not at all"],
            ),
        ],
    )
    def test_errors_name_file_key_and_what_is_allowed(
        self, write: Write, text: str, parts: list[str]
    ) -> None:
        """Whoever wrote the file can correct it from the text alone."""
        path = write(text)

        with pytest.raises(ConfigError) as caught:
            resolve("paper:x", file=path)

        assert str(caught.value).startswith(f"{path}: ")
        assert [part for part in parts if part not in str(caught.value)] == []

    def test_not_utf8(self, tmp_path: Path) -> None:
        """Bytes that are no text are told as such."""
        path = tmp_path / "profiles.toml"
        path.write_bytes(b"\xff\xfe")

        with pytest.raises(ConfigError, match="not UTF-8"):
            resolve("paper:x", file=path)

    @pytest.mark.parametrize("environment", ["testnet", "live"])
    @pytest.mark.parametrize("key", ["api_key", "api_secret", "passphrase"])
    def test_secrets_stand_in_the_file_for_paper_only(
        self, write: Write, environment: str, key: str
    ) -> None:
        """Law 9: and the refusal does not quote them."""
        path = write(
            f"[{environment}.x]\nvenue='binance'\n[{environment}.x.keys]\n"
            f"{key}='canary-5ecret-91'"
        )

        with pytest.raises(ConfigError, match="for paper only") as caught:
            resolve(f"{environment}:x", file=path)

        assert "canary" not in str(caught.value)


class TestEnvironmentsNeverMix:
    @pytest.mark.parametrize(
        ("environment", "url"),
        [
            ("paper", "https://h.example"),
            ("paper", "https://fapi.binance.com"),
            ("paper", "https://127.0.0.1.example.com"),
            ("live", "https://127.0.0.1:8800"),
            ("live", "http://127.0.0.1:8800"),
            ("live", "http://localhost:8800"),
            ("live", "https://[::1]:8800"),
            ("live", "https://demo-fapi.binance.com"),
            ("live", "https://DEMO-FAPI.binance.com"),
            ("live", "https://api-testnet.bybit.com"),
            ("live", "https://test.deribit.com"),
            ("testnet", "https://fapi.binance.com"),
            ("testnet", "https://127.0.0.1:1"),
        ],
    )
    @pytest.mark.parametrize("name", ["rest", "key_info"])
    def test_a_host_of_another_environment_is_refused(
        self, write: Write, environment: str, url: str, name: str
    ) -> None:
        """Law 10: one wrong address is enough, whichever it is."""
        good = {"paper": "127.0.0.1:1", "live": "h.example", "testnet": "h.example"}
        plain = "http" if environment == "paper" else "https"
        socket = "ws" if environment == "paper" else "wss"
        urls = {
            "rest": f"{plain}://{good[environment]}",
            "stream": f"{socket}://{good[environment]}",
            "public": f"{socket}://{good[environment]}",
        }
        path = write(endpoints(environment, **(urls | {name: url})))

        with pytest.raises(WrongEnvironment, match=f"endpoints.{name}: "):
            resolve(f"{environment}:x", file=path)

    @pytest.mark.parametrize(
        ("name", "url"),
        [
            ("rest", "http://h.example"),
            ("stream", "ws://h.example"),
            ("rest", "wss://h.example"),
            ("stream", "https://h.example"),
            ("rest", "https://user:pw@h.example"),
            ("rest", "https://h.example/?x=1#y z"),
            ("rest", "https://h.example:99999"),
            ("rest", "ftp://h.example"),
            ("rest", "h.example"),
            ("rest", ""),
        ],
    )
    def test_addresses_are_plainly_spelled(
        self, write: Write, name: str, url: str
    ) -> None:
        """Plain text goes to this machine only, schemes fit, nothing is hidden."""
        path = write(endpoints("live", **{name: url}))

        with pytest.raises(ConfigError, match=f"endpoints.{name}: "):
            resolve("live:x", file=path)

    DEMO = {
        "rest": "https://api-demo.bybit.com",
        "stream": "wss://stream-demo.bybit.com/v5/private",
        "public": "wss://stream.bybit.com/v5/public/linear",
    }

    def test_a_demo_account_trades_on_live_prices(self, write: Write) -> None:
        """Fake money on the prices of the live market: nothing signed goes there."""
        text = endpoints("testnet", **self.DEMO).replace("binance", "bybit")

        found = resolve("testnet:x", file=write(text)).endpoints

        assert found is not None
        assert dict(found.items()) == self.DEMO

    @pytest.mark.parametrize(
        ("environment", "changes"),
        [
            ("live", {}),
            ("paper", {}),
            ("testnet", {"stream": "wss://stream.bybit.com/v5/private"}),
            ("testnet", {"ws_api": "wss://stream.bybit.com/v5/trade"}),
            ("testnet", {"rest": "https://api.bybit.com"}),
            ("testnet", {"rest": "https://api.bybit.nl"}),
            ("testnet", {"rest": "https://api.manepa.jp"}),
        ],
    )
    def test_a_demo_account_is_nothing_else(
        self, write: Write, environment: str, changes: dict[str, str]
    ) -> None:
        """Law 10: its key goes to its own hosts, regional live ones are live."""
        text = endpoints(environment, **(self.DEMO | changes))

        with pytest.raises(WrongEnvironment):
            resolve(f"{environment}:x", file=write(text.replace("binance", "bybit")))

    @pytest.mark.parametrize("site", ["nl", "eu", "kz"])
    def test_regional_sites_are_live(self, write: Write, site: str) -> None:
        """Keys of one site are unknown to the others: a profile names the hosts."""
        rest, stream = f"https://api.bybit.{site}", f"wss://stream.bybit.{site}/v5"
        text = endpoints(
            "live",
            rest=rest,
            stream=f"{stream}/private",
            public=f"{stream}/public/linear",
        )

        found = resolve("live:x", file=write(text.replace("binance", "bybit")))

        assert found.endpoints is not None
        assert found.endpoints.rest == rest

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "[::1]", "localhost"])
    def test_paper_may_be_anywhere_on_this_machine(
        self, write: Write, host: str
    ) -> None:
        """Every spelling of loopback is this machine."""
        urls = {"rest": f"http://{host}:1", "stream": f"ws://{host}:1"}
        path = write(endpoints("paper", public=f"ws://{host}:1", **urls))

        found = resolve("paper:x", file=path).endpoints

        assert found is not None
        assert dict(found.items())["rest"] == f"http://{host}:1"
