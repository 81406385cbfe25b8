"""smoke"""
from pathlib import Path
import time
from tests.integration.support.pairs import Pair
from tests.integration.support.records import write_files
from tests.integration.support.commands import sync
from tests.integration.support.proof import prove_exchange

def test_smoke(pair: Pair, tmp_path: Path) -> None:
    t=time.time()
    a,b = write_files(tmp_path/"s", seed=3, people=400, bad_rows=40)
    print("files", time.time()-t); t=time.time()
    print(sync(pair.nantong.path, a.path, "310000").json)
    print("sync", time.time()-t); t=time.time()
    print(sync(pair.shanghai.path, b.path, "320600").json)
    print("sync", time.time()-t); t=time.time()
    prove_exchange(pair.nantong, pair.shanghai, [a], tmp_path)
    print("proof", time.time()-t); t=time.time()
    prove_exchange(pair.shanghai, pair.nantong, [b], tmp_path)
    print("proof", time.time()-t); t=time.time()
