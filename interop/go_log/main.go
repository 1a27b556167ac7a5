// An auditor made of other people's code: Go's sumdb/note and sumdb/tlog (as the Go checksum database uses
// them) read our log over HTTP. It trusts the log's key, the witnesses' keys and nothing else.
//
//	go_log BASE_URL LOG_VKEY TOKEN QUORUM [WITNESS_VKEY...]
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var failed, held int

func that(holds bool, what string, detail ...any) {
	mark := "ok  "
	if holds {
		held++
	} else {
		failed, mark = failed+1, "FAIL"
	}
	fmt.Printf("%s go: %s %s\n", mark, what, strings.TrimSpace(fmt.Sprintln(detail...)))
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Println("FAIL go:", err)
		os.Exit(1)
	}
	return value
}

// A witness's key: cosignature/v1 (C2SP tlog-cosignature), which sumdb/note does not know itself.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }
func (w witness) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(sig)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)
	return ed25519.Verify(w.key, []byte(message), sig[8:])
}

func newWitness(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(parts) != 3 || len(raw) != 33 || raw[0] != 4 {
		return nil, fmt.Errorf("%q is no witness's key", vkey)
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	return witness{parts[0], binary.BigEndian.Uint32(sum[:4]), raw[1:]}, nil
}

// The served log. spoil, if set, changes what is read from a path.
type server struct {
	base, token string
	spoil       func(path string, data []byte) []byte
}

func (s *server) get(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", s.base+"/log/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err == nil && answer.StatusCode != 200 {
		err = fmt.Errorf("%s: %s", path, answer.Status)
	}
	if s.spoil != nil {
		data = s.spoil(path, data)
	}
	return data, err
}

// The path of a tile in C2SP tlog-tiles.
func path(level string, n int64, width int) string {
	name := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	if width < 256 {
		name += fmt.Sprintf(".p/%d", width)
	}
	return "tile/" + level + "/" + name
}

func (s *server) Height() int                    { return 8 }
func (s *server) SaveTiles([]tlog.Tile, [][]byte) {}
func (s *server) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		bytes, err := s.get(path(strconv.Itoa(tile.L), tile.N, tile.W))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

// All entries of a log of this size.
func (s *server) entries(size int64) (entries [][]byte) {
	for n := int64(0); n*256 < size; n++ {
		width := int(min(256, size-n*256))
		bundle := must(s.get(path("entries", n, width)))
		for range width {
			length := int(binary.BigEndian.Uint16(bundle))
			entries, bundle = append(entries, bundle[2:2+length]), bundle[2+length:]
		}
		that(len(bundle) == 0, "a bundle ends with its last entry:", n)
	}
	return entries
}

func main() {
	if len(os.Args) < 5 {
		fmt.Println("usage: go_log BASE_URL LOG_VKEY TOKEN QUORUM [WITNESS_VKEY...]")
		os.Exit(2)
	}
	log := &server{base: os.Args[1], token: os.Args[3]}
	key, quorum := must(note.NewVerifier(os.Args[2])), must(strconv.Atoi(os.Args[4]))
	keys := []note.Verifier{key}
	for _, vkey := range os.Args[5:] {
		keys = append(keys, must(newWitness(vkey)))
	}
	checkpoint := "checkpoint"
	if quorum > 0 {
		checkpoint = "checkpoint/final"
	}
	signed := must(log.get(checkpoint))
	opened := must(note.Open(signed, note.VerifierList(keys...)))
	own := 0
	for _, sig := range opened.Sigs {
		if sig.Name == key.Name() && sig.Hash == key.KeyHash() {
			own++
		}
	}
	that(own == 1, "the checkpoint is signed by the log")
	that(len(opened.Sigs)-own >= quorum, "witnesses agree:", len(opened.Sigs)-own, "of", len(keys)-1)
	forged := bytes.Replace(signed, []byte("\n"), []byte("0\n"), 1)
	_, err := note.Open(forged, note.VerifierList(keys...))
	that(err != nil, "a forged checkpoint is refused:", err)

	lines := strings.Split(opened.Text, "\n")
	that(lines[0] == key.Name(), "it is of this log")
	size := must(strconv.ParseInt(lines[1], 10, 64))
	root := must(tlog.ParseHash(lines[2]))
	tree := tlog.Tree{N: size, Hash: root}
	// Every tile that this reads is checked against the root.
	hashes := tlog.TileHashReader(tree, log)
	that(must(tlog.TreeHash(size, hashes)) == root, "the tiles give the root", size)

	entries := log.entries(size)
	that(int64(len(entries)) == size, "all entries are served")
	indexes := make([]int64, size)
	for n := range indexes {
		indexes[n] = tlog.StoredHashIndex(0, int64(n))
	}
	leaves, same := must(hashes.ReadHashes(indexes)), 0
	for n, entry := range entries {
		if tlog.RecordHash(entry) == leaves[n] {
			same++
		}
	}
	that(int64(same) == size, "each leaf hash is that of its entry", same)
	inclusions, consistencies := 0, 0
	step := max(1, size/50)
	for n := int64(0); n < size; n += step {
		proof := must(tlog.ProveRecord(size, n, hashes))
		if tlog.CheckRecord(proof, size, root, n, tlog.RecordHash(entries[n])) == nil {
			inclusions++
		}
		old := must(tlog.TreeHash(n+1, hashes))
		grown := must(tlog.ProveTree(size, n+1, hashes))
		if tlog.CheckTree(grown, size, root, n+1, old) == nil {
			consistencies++
		}
	}
	that(inclusions > 0 && inclusions == consistencies, "inclusion and consistency hold", inclusions)

	entries[size/2][0] ^= 1
	that(tlog.RecordHash(entries[size/2]) != leaves[size/2], "a flipped bit of an entry is found")
	spoiled := &server{base: log.base, token: log.token, spoil: func(name string, data []byte) []byte {
		if strings.HasPrefix(name, "tile/0/") && len(data) > 0 {
			data[len(data)/2] ^= 1
		}
		return data
	}}
	_, err = tlog.TileHashReader(tree, spoiled).ReadHashes(indexes)
	that(err != nil, "a flipped bit of a tile is found:", err)
	fmt.Printf("go: %d held, %d failed\n", held, failed)
	if failed > 0 || held == 0 {
		os.Exit(1)
	}
}
