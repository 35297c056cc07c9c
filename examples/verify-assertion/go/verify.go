// Package verify checks the header Mezite-Jwt-Assertion with the standard library alone.
package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"time"
)

const skew = 30 * time.Second

// Key is one entry of https://<hub>/workload-identity/app-jwt-jwks.json.
type Key struct {
	Kid, Kty, Crv, X, Y string
}

// Claims describe the caller.
type Claims struct {
	Iss     string   `json:"iss"`
	Aud     string   `json:"aud"`
	Sub     string   `json:"sub"`
	Roles   []string `json:"roles"`
	App     string   `json:"app"`
	AppID   string   `json:"app_id"`
	AppHost string   `json:"app_host"`
	Jti     string   `json:"jti"`
	Iat     int64    `json:"iat"`
	Nbf     int64    `json:"nbf"`
	Exp     int64    `json:"exp"`
}

// Verify returns the claims, or an error for anything that this hub did not sign for this app within the last minutes.
func Verify(assertion string, keys []Key, issuer, audience, app string) (*Claims, error) {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return nil, errors.New("not an assertion")
	}
	var header map[string]any
	if err := decode(parts[0], &header); err != nil {
		return nil, err
	}
	// The verifier chooses the algorithm, never the token; jku and similar headers are ignored.
	if header["alg"] != "ES256" || header["crit"] != nil || header["jku"] != nil || header["jwk"] != nil {
		return nil, errors.New("not an ES256 assertion")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return nil, errors.New("bad signature")
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	good := false
	for _, key := range keys {
		if key.Kid != header["kid"] || key.Crv != "P-256" {
			continue
		}
		x, errX := base64.RawURLEncoding.DecodeString(key.X)
		y, errY := base64.RawURLEncoding.DecodeString(key.Y)
		if errX != nil || errY != nil {
			continue
		}
		public := ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(x), Y: new(big.Int).SetBytes(y)}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		good = ecdsa.Verify(&public, digest[:], r, s)
	}
	if !good {
		return nil, errors.New("unknown key or bad signature")
	}
	var claims Claims
	if err := decode(parts[1], &claims); err != nil {
		return nil, err
	}
	now := time.Now()
	switch {
	case claims.Iss != issuer || claims.Aud != audience || claims.App != app:
		return nil, errors.New("for another hub, audience or app")
	case now.After(time.Unix(claims.Exp, 0).Add(skew)) || now.Before(time.Unix(claims.Nbf, 0).Add(-skew)):
		return nil, errors.New("not valid now")
	}
	return &claims, nil
}

func decode(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
