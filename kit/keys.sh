#!/bin/sh
# Key material of one city with OpenSSL 3 alone: keys.sh CITY FOLDER
#
# authority.key, authority.pem   the city's authority: signs gateway leaves, stays offline
# gateway.key, gateway.pem       the gateway's leaf of 90 days: shown in every handshake
# signing.key                    Ed25519: signs batches and openings
# bundle.key                     Ed25519: signs the bundle, stays offline; partners compare its fingerprint
#
# Run in an existing folder of this script's making it renews the gateway's leaf alone. docs/protocol.md, "Connection".
set -eu
city=$1
folder=$2
umask 077

[ "$(printf %s "$city" | grep -c '^[0-9]\{6\}$')" = 1 ] || { echo "CITY is six digits: 330100" >&2; exit 2; }
mkdir -p "$folder"
cd "$folder"

cat > openssl.cnf <<END
[req]
distinguished_name = subject
prompt = no
[subject]
O = $city.yrdx
CN = authority $city $(date -u +%Y%m%d)
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[gateway]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = URI:spiffe://$city.yrdx/gateway/main, DNS:gateway.$city.yrdx
END

if [ ! -f authority.key ]; then
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out authority.key 2> /dev/null
    openssl req -x509 -new -config openssl.cnf -extensions authority -key authority.key -days 1825 -sha256 -out authority.pem
    openssl genpkey -algorithm ED25519 -out signing.key
    openssl genpkey -algorithm ED25519 -out bundle.key
fi

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out gateway.key.new 2> /dev/null
openssl req -new -config openssl.cnf -key gateway.key.new -subj "/O=$city.yrdx/CN=gateway main" -out gateway.csr
openssl x509 -req -in gateway.csr -CA authority.pem -CAkey authority.key -days 90 -sha256 \
    -extfile openssl.cnf -extensions gateway -out gateway.pem.new 2> /dev/null
mv gateway.key.new gateway.key
mv gateway.pem.new gateway.pem
rm -f gateway.csr openssl.cnf
