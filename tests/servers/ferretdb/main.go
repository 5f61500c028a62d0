// Command ferretdb serves the MongoDB wire protocol over SQLite files, for tests.
//
// It embeds FerretDB as a library, with no telemetry, debug listener or other network use,
// and ends on SIGTERM or SIGINT with code 0. FerretDB itself is behind a Unix socket; clients
// come to a front that lets commands which write through one at a time, see front.go.
//
// Known limits of FerretDB 1.24, the last release with SQLite, which a test has to live with:
//   - The index on _id is not used: what finds, updates or deletes a document by its _id reads
//     the whole collection. Among 2,000 that is 5 to 10 ms; an update_many of all 2,000, which
//     writes them one by one, takes a quarter of a minute.
//   - One update command with more than 100 updates in it (bulk_write of UpdateOne) hangs for
//     good, and with it every later write: each update keeps one of 100 SQLite connections until
//     the command's end.
//   - The upserts of one such command are reported with their number among the upserts, rather
//     than among the updates.
package main

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// socket is relative to the data directory: the path of a Unix socket may have 100 bytes or so,
// which that of a temporary directory can use up.
const socket = "ferretdb.sock"

func main() {
	listen := flag.String("listen", "127.0.0.1:27017", "address to listen on")
	dir := flag.String("dir", "", "existing directory for the SQLite files, one per database")
	flag.Parse()

	if err := run(*listen, *dir); err != nil {
		slog.Error("ferretdb ends", "error", err)
		os.Exit(1)
	}
}

func run(listen, dir string) error {
	if err := os.Chdir(dir); err != nil {
		return err
	}
	// A server that was killed has left its socket, which would be taken for one in use.
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	server, err := ferretdb.New(&ferretdb.Config{
		Listener: ferretdb.ListenerConfig{Unix: socket},
		// Below errors there is a line for each connection and each refused command.
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler: "sqlite",
		// FerretDB insists on the final slash. synchronous(off) leaves out fsync: commits then
		// outlive a killed process, though not a crashed machine, which no test simulates.
		SQLiteURL: "file:./?_pragma=synchronous(off)",
	})
	if err != nil {
		return err
	}
	// Only now: whoever gets through to the front is to find FerretDB behind it.
	front, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { front.Close() })

	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	if err = accept(front, socket); ctx.Err() == nil {
		return err
	}

	// Run goes on serving whoever is still connected for three seconds. A server that is being
	// stopped should be gone sooner, and nothing is lost: what SQLite has committed stays.
	select {
	case err = <-ended:
		return err
	case <-time.After(300 * time.Millisecond):
		return nil
	}
}
