"""Keys of homes whose certificates begin or end at another time than they should."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from typing import Final

from certs.generation import issue_generation
from certs.keystore import create_keystore, install_generation
from certs.leaf import LEAF_VALID_FOR
from certs.offline import load_authority
from certs.signing import SigningKey
from services.node.home import Home
from services.node.system import SystemClock
from tests.integration.support.nodes import Node

_AGE: Final = timedelta(days=365)


def grow_old(node: Node) -> None:
    """Give a new home an authority of a year ago, which can have issued what has ended by now, and present leaves.

    Nobody may have been told of the home's keys yet.
    """
    shutil.rmtree(node.home.certs)
    create_keystore(node.path, node.city, now=SystemClock().now() - _AGE, random=os.urandom)
    issue_leaves(node.home)


def issue_leaves(home: Home, *, shift: timedelta = timedelta(0)) -> None:
    """Issue all leaves of a home anew, as if the clock were shifted by so much, and install them."""
    moment = SystemClock().now() + shift
    signing_key = SigningKey.from_pem((home.certs / "current" / "signing.key").read_bytes())
    files = issue_generation(load_authority(home.path), signing_key, now=moment, random=os.urandom)
    install_generation(home.path, files, now=moment)


def end_leaves(home: Home, *, after: timedelta) -> None:
    """Issue leaves that end after so much time from now; a negative one is past."""
    issue_leaves(home, shift=after - LEAF_VALID_FOR)
