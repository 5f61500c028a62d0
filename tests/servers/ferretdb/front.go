package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
)

const (
	headerSize = 16         // of int32s: length of the whole message, its id, the id that it answers, kind
	messageMax = 48_000_000 // FerretDB's limit, and MongoDB's
	kindMsg    = 2013       // OP_MSG, in which all commands come but the first hello (OP_QUERY)
	moreToCome = 1 << 1     // the flag of an OP_MSG that wants no reply
)

// writing is held by the one command that may be changing something. FerretDB reads documents,
// changes them and writes them back whole, and nothing of its own keeps another command from
// doing the same meanwhile: of 50 concurrent $inc, most would be lost.
var writing sync.Mutex

var writes = map[string]bool{
	"insert": true, "update": true, "delete": true, "findAndModify": true, "findandmodify": true,
	"create": true, "createIndexes": true, "collMod": true, "renameCollection": true,
	"drop": true, "dropIndexes": true, "dropDatabase": true,
}

// accept puts each client through to FerretDB's socket, and returns once the listener is closed.
func accept(front net.Listener, socket string) error {
	for {
		client, err := front.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer client.Close()
			// A connection each, as FerretDB keeps what belongs to a client by its connection.
			server, err := net.Dial("unix", socket)
			if err != nil {
				slog.Error("cannot reach FerretDB", "error", err)
				return
			}
			defer server.Close()
			pass(client, server)
		}()
	}
}

// pass hands on requests and replies in turn, until either side hangs up. A client that has shut
// down its sending half only still gets the replies to what it sent.
func pass(client, server net.Conn) {
	for {
		request, err := read(client)
		if err != nil {
			return
		}
		reply, err := ask(server, request)
		if err != nil {
			return
		}
		// FerretDB replies always. A reply that was not wanted would be taken for the next one.
		if !isUnacknowledged(request) {
			if _, err = client.Write(reply); err != nil {
				return
			}
		}
	}
}

// ask sends a request and returns the reply. Whole messages come in and go out, so that no slow
// client is waited for while the mutex is held. A client that leaves does not release it either:
// FerretDB carries a command through, whoever is there to be told.
func ask(server net.Conn, request []byte) ([]byte, error) {
	if mayWrite(request) {
		writing.Lock()
		defer writing.Unlock()
	}
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	return read(server)
}

// read returns one message, header included.
func read(connection net.Conn) ([]byte, error) {
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(connection, header); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(header)
	if size < headerSize || size > messageMax {
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	message := make([]byte, size)
	copy(message, header)
	_, err := io.ReadFull(connection, message[headerSize:])
	return message, err
}

func isMsg(message []byte) bool {
	return len(message) >= headerSize+4 && binary.LittleEndian.Uint32(message[12:]) == kindMsg
}

func isUnacknowledged(message []byte) bool {
	return isMsg(message) && binary.LittleEndian.Uint32(message[headerSize:])&moreToCome != 0
}

// mayWrite tells by the command, whose name is the first key of the body. Drivers put the body
// first, which the protocol does not ask for: any other order counts as a write, to be safe.
func mayWrite(message []byte) bool {
	// Before the key: the flags (4 bytes), the section's kind (1), the body's size (4), a type (1).
	const kind, key = headerSize + 4, headerSize + 4 + 1 + 4 + 1
	if !isMsg(message) || len(message) < key {
		return false
	}
	name, _, _ := bytes.Cut(message[key:], []byte{0})
	return message[kind] != 0 || writes[string(name)]
}
