// Command verify prints the claims of an assertion, or prints why the assertion is rejected and exits 1.
//
//	go run ./cmd/verify ISSUER AUDIENCE APP < '{"keys": [...], "assertion": "..."}'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"example.com/verify"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: verify ISSUER AUDIENCE APP")
		os.Exit(2)
	}
	var given struct {
		Keys      []verify.Key
		Assertion string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	claims, err := verify.Verify(given.Assertion, given.Keys, os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(claims)
}
