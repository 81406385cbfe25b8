"""Every setting explains itself."""

from __future__ import annotations

from services.node.settings import setting_names


def test_every_setting_is_documented_in_both_languages() -> None:
    """What `config show` and node.toml say about a setting is Chinese first and English beside."""
    for name, description in setting_names().items():
        chinese, separator, english = description.partition(" · ")
        assert separator, name
        assert not chinese.isascii(), name
        assert english.isascii(), name
