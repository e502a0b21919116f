import msgspec
import pytest

from trainer.signal_bounds import TRAINED, bounds_of


def test_unstated_bounds_keep_their_defaults():
    assert bounds_of(None) == bounds_of("") == TRAINED
    assert bounds_of(" coarsest_step = 0.4, longest_spacing_us=200000,") == msgspec.structs.replace(
        TRAINED, coarsest_step=0.4, longest_spacing_us=200_000
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lowest_rate=15", "lowest_rate is no bound: state lowest_rate_hz, longest_spacing_us, "),
        ("lowest_rate_hz", "lowest_rate_hz must be a number, not ''"),
        ("longest_spacing_us=0.5", "longest_spacing_us must be a whole number, not '0.5'"),
        ("lowest_rate_hz=15,lowest_rate_hz=20", "lowest_rate_hz is given twice"),
        ("lowest_rate_hz=nan", "lowest_rate_hz must be above 0, not nan"),
        ("largest_clipped_share=2", "largest_clipped_share must be from 0 to 1"),
    ],
)
def test_what_is_no_bound_is_rejected_with_the_reason(text, message):
    with pytest.raises(ValueError, match=message):
        bounds_of(text)
