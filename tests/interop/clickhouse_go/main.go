// Asks the collector's SQL door with the real clickhouse-go over HTTP, as Grafana's data source does.
//
// Usage: clickhouse_go HOST:PORT DATABASE KEY TLS_CA_OR_EMPTY QUERY...
// Prints one JSON object a query: {"columns": [...], "rows": [[...]], "error": "", "code": 0}.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

type answer struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
	Error   string   `json:"error"`
	Code    int32    `json:"code"`
}

func main() {
	options := &clickhouse.Options{
		Addr:        []string{os.Args[1]},
		Protocol:    clickhouse.HTTP,
		Auth:        clickhouse.Auth{Database: os.Args[2], Username: "grafana", Password: os.Args[3]},
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionGZIP},
		DialTimeout: 10 * time.Second,
		ReadTimeout: 60 * time.Second,
		ClientInfo: clickhouse.ClientInfo{Products: []struct{ Name, Version string }{
			{"grafana", "12"}, {"clickhouse-datasource", "4"},
		}},
		Settings: clickhouse.Settings{"max_execution_time": 60},
	}
	if authority := os.Args[4]; authority != "" {
		pem, err := os.ReadFile(authority)
		if err != nil {
			panic(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		options.TLS = &tls.Config{RootCAs: pool}
	}
	database := clickhouse.OpenDB(options)
	defer database.Close()
	out := json.NewEncoder(os.Stdout)
	ping, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := database.PingContext(ping); err != nil {
		out.Encode(failed(err))
		os.Exit(1)
	}
	for _, query := range os.Args[5:] {
		out.Encode(ask(database, query))
	}
}

func ask(database *sql.DB, query string) answer {
	rows, err := database.QueryContext(context.Background(), query)
	if err != nil {
		return failed(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return failed(err)
	}
	found := answer{Columns: columns, Rows: [][]any{}}
	for rows.Next() {
		cells := make([]any, len(columns))
		places := make([]any, len(columns))
		for place := range cells {
			places[place] = &cells[place]
		}
		if err := rows.Scan(places...); err != nil {
			return failed(err)
		}
		for place, cell := range cells {
			cells[place] = fmt.Sprint(cell)
		}
		found.Rows = append(found.Rows, cells)
	}
	if err := rows.Err(); err != nil {
		return failed(err)
	}
	return found
}

func failed(err error) answer {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		return answer{Error: exception.Message, Code: exception.Code}
	}
	return answer{Error: err.Error()}
}
