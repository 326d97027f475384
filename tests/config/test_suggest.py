import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.config.suggest import did_you_mean, suggest

FIELDS = ["model", "temperature", "max_tokens", "base_url", "port", "host", "name", "tls", "debounce_ms", "id"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("prot", "port"),
        ("por", "port"),
        ("ports", "port"),
        ("modle", "model"),
        ("models", "model"),
        ("temprature", "temperature"),
        ("tempreture", "temperature"),
        ("maxtokens", "max_tokens"),
        ("max-tokens", "max_tokens"),
        ("MAX_TOKENS", "max_tokens"),
        ("maxTokens", "max_tokens"),
        ("max_token", "max_tokens"),
        ("baseurl", "base_url"),
        ("base_ulr", "base_url"),
        ("debounce", "debounce_ms"),
        ("deboucne_ms", "debounce_ms"),
        ("anme", "name"),
        ("tsl", "tls"),
        ("ID", "id"),
    ],
)
def test_slips_are_understood(word: str, meant: str | None) -> None:
    """Swapped, lost, doubled and wrong letters, case and separators lead to the word that was meant."""
    assert suggest(word, FIELDS) == meant


@pytest.mark.parametrize(
    "word", ["same", "lost", "rt", "it", "timeout", "retries", "x", "", "-", "my_model_of_choice"]
)
def test_other_words_are_left_alone(word: str) -> None:
    """No guess is better than a wild one."""
    assert suggest(word, FIELDS) is None


def test_the_nearest_wins_and_the_first_of_equals() -> None:
    """A closer candidate is preferred whatever its position; between equals the order decides."""
    assert suggest("agentz", ["argents", "agents"]) == "agents"
    assert suggest("planes", ["planer", "planet"]) == "planer"


def test_a_difference_of_case_only_beats_every_other() -> None:
    """The same letters are always a match, in words of any length."""
    assert suggest("a_b", ["ab", "A-B"]) == "ab"
    assert suggest("X", ["y", "x"]) == "x"


def test_a_word_is_never_suggested_for_itself() -> None:
    """The hint would be of no use."""
    assert suggest("port", ["port", "ports"]) == "ports"


def test_giant_words_are_not_looked_at() -> None:
    """The work is bounded."""
    assert suggest("a" * 100_000, ["a" * 99_999]) is None


def test_the_hint_is_a_question_with_the_word_in_quotes() -> None:
    """The text that goes into `Problem.hint`."""
    assert did_you_mean("temprature", FIELDS) == 'did you mean "temperature"?'
    assert did_you_mean("unheard_of", FIELDS) is None


@given(st.text("abcdef_", min_size=6, max_size=12), st.data())
def test_any_single_slip_in_a_long_word_is_understood(word: str, data: st.DataObject) -> None:
    """One letter left out of six or more always leads back."""
    place = data.draw(st.integers(0, len(word) - 1))
    slipped = word[:place] + word[place + 1 :]
    if slipped.replace("_", "") and len(word.replace("_", "")) >= 6:
        assert suggest(slipped, [word]) == word
