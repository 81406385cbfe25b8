#!/bin/sh
# Installs yrdx from this folder alone: no registry, no network, nothing that has another hash than was tested.
# Each version has a folder of its own below DIR; DIR/current names the one in use, so going back is one link.
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
read -r version python machine glibc < "$here/PLATFORM"
dir=${1:-/opt/yrdx}

fail() { printf '%s\n' "失败 · failed: $1" >&2; exit 1; }

case $dir in
    -h | --help)
        echo "用法 usage: sh install.sh [DIR]      默认 default: /opt/yrdx"
        exit 0 ;;
    /*) ;;
    *) dir=$(pwd)/$dir ;;
esac
target=$dir/$version

[ "$(uname -s)-$(uname -m)" = "Linux-$machine" ] ||
    fail "本离线包用于 Linux $machine，此机为 $(uname -sm) · this bundle is for Linux $machine, this machine is $(uname -sm): make one on a machine like this"
present=$(getconf GNU_LIBC_VERSION 2> /dev/null || echo "none")
[ "$(printf '%s\n' "glibc $glibc" "$present" | sort -V | head -n 1)" = "glibc $glibc" ] ||
    fail "需要 glibc $glibc 或更新，此机为 $present · glibc $glibc or newer is needed, this machine has $present: take a newer release of the system, or make the bundle on one like this"
interpreter=$(command -v "python$python" || command -v python3) ||
    fail "没有 Python $python · there is no Python $python on the PATH: install python$python and python$python-venv from the system's medium"
found=$("$interpreter" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$found" = "$python" ] ||
    fail "需要 Python $python，找到 $found · Python $python is needed, $interpreter is $found: install python$python and python$python-venv"
"$interpreter" -c 'import ensurepip, venv' 2> /dev/null ||
    fail "缺少 venv 模块 · Python's venv module is missing: install python$python-venv from the system's medium"
(cd "$here" && sha256sum --check --quiet --strict SHA256SUMS) ||
    fail "文件损坏或被改动 · files are damaged or changed: copy the bundle again and compare its SHA-256"
[ ! -e "$target" ] ||
    fail "$target 已存在 · version $version is installed already: remove that folder to install it anew"

mkdir -p "$dir"
trap 'rm -rf "$target"' EXIT
trap 'exit 130' INT TERM
echo "安装到 $target · installing into $target" >&2
"$interpreter" -m venv "$target"
"$target/bin/python" -m pip -qq --no-input --disable-pip-version-check --isolated install \
    --no-index --find-links "$here/wheels" --require-hashes --no-deps --requirement "$here/requirements.txt"
"$target/bin/python" -m pip --disable-pip-version-check check > /dev/null
"$target/bin/yrdx" version > /dev/null
ln -sfn "$version" "$dir/current.new"
mv -T "$dir/current.new" "$dir/current"
trap - EXIT

yrdx=$dir/current/bin/yrdx
cat << END
已安装 yrdx $version · installed yrdx $version

下一步 · next:
  $yrdx up --once
      试运行：两座演示城市在本机交换并核对 · try it: two demo cities exchange on this machine and prove it
  $yrdx init --city 320600 --home A --listen 127.0.0.1:7320 --dialect local
      创建本市节点 · create your city's node
  $yrdx db migrate --home A
      升级已有节点：先 yrdx db backup，停止节点，再升级数据库结构
      a node that stood before: first \`yrdx db backup\`, stop it, then bring its store up to date
  README.md
      作为系统服务运行、升级与回退 · as a service of the system, upgrades and the way back
END
