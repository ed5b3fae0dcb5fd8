using System.Text.Json;
using Livebed.Driver.Counters;
using Livebed.Driver.Results;

namespace Livebed.Driver.Tests.Results;

/// <summary>results.json has the fields that are promised, all of them survive, and docs/results.md explains each.</summary>
public sealed class ResultsJsonTests
{
    /// <summary>The names of design.md section 6: they do not change without a note.</summary>
    private static readonly string[] _promised =
    [
        "verdict", "reasons", "name", "campaign", "startedAt", "command", "livebed", "seed", "protocol", "mutant", "placement", "silos",
        "durationSeconds", "warmupSeconds", "counts", "reached", "deliveredShare", "load",
        "notStarted", "latencyMicroseconds", "locks", "lockOrder", "hangs", "violations", "migrations", "turnQueue", "ksm", "leaks",
        "guests", "guestsUnlisted", "limitsHit", "nemesis",
    ];

    private static readonly string[] _promisedCounts =
    [
        "accesses", "tlbRefills", "faults", "faultRetries", "notifierRanges", "notifierElided", "notifierMmuLockAcquisitions",
        "mmuLockAcquisitions",
        "memslotUpdates", "dirtyLogGets", "dirtyPagesReported", "deviceWrites",
        "ksmMerges", "ksmUnmerges", "migrationsCompleted", "migrationsFailed", "migrationsCancelled", "teardowns", "checksEvaluated",
    ];

    [Fact]
    public void The_promised_fields_are_there_in_their_order()
    {
        using var json = JsonDocument.Parse(ResultsJson.Write(SampleResults.All));
        var root = json.RootElement;
        Assert.Equal(_promised, Names(root));
        Assert.Equal(_promisedCounts, Names(root.GetProperty("counts")));
        Assert.Equal(["count", "p50", "p99", "p999", "max"], Names(root.GetProperty("latencyMicroseconds").GetProperty("unmap")));
        Assert.Equal(
            ["class", "mode", "acquisitions", "contentions", "acquisitionBounces", "contentionBounces", "waitMin", "waitMax", "waitTotal",
                "waitAvg", "holdMin", "holdMax", "holdTotal", "holdAvg"],
            Names(root.GetProperty("locks")[0]));
        var migration = root.GetProperty("migrations")[0];
        Assert.Equal(
            [
                "vm", "workload", "source", "destination", "epoch", "status", "reason", "guestLost", "total-time", "setup-time",
                "downtime", "downtime-limit", "downtimeParts", "checkTime", "expected-downtime",
                "cpu-throttle-percentage", "vcpu-throttle-time", "ram", "postcopy-blocktime", "postcopy-vcpu-blocktime", "postcopyPauses",
                "predicted", "forecast", "rounds", "statuses",
            ],
            Names(migration));
        Assert.Equal(
            [
                "transferred", "remaining", "total", "duplicate", "normal", "normal-bytes", "dirty-pages-rate", "dirty-sync-count", "mbps",
                "pages-per-second", "page-size",
                "precopy-bytes", "downtime-bytes", "postcopy-bytes", "postcopy-requests",
            ],
            Names(migration.GetProperty("ram")));
        Assert.Equal("postcopy-paused", migration.GetProperty("status").GetString());
        Assert.Equal("ring-full", migration.GetProperty("rounds")[0].GetProperty("gapReason").GetString());
    }

    [Fact]
    public void Counters_have_the_names_of_their_fields()
    {
        Assert.Equal(_promisedCounts, CounterTable.All.Select(counter => counter.Name));
        using var json = JsonDocument.Parse(ResultsJson.Write(SampleResults.All));
        Assert.All(CounterTable.All, counter =>
            Assert.Equal(json.RootElement.GetProperty("counts").GetProperty(counter.Name)
                .GetInt64(), counter.Read(SampleResults.Outcome.Counts)));
    }

    [Fact]
    public void Every_field_survives_a_round_trip()
    {
        var text = ResultsJson.Write(SampleResults.All);
        Assert.Equal(text, ResultsJson.Write(ResultsJson.Read(text)));

        // Were a field dropped on the way in, it would come back as null, 0 or empty: the sample has none of those.
        using var json = JsonDocument.Parse(text);
        Assert.All(Leaves(json.RootElement, ""), leaf => Assert.False(leaf.Value is "" or "0", leaf.Path));
    }

    [Fact]
    public void Enums_are_words()
    {
        using var json = JsonDocument.Parse(ResultsJson.Write(SampleResults.All));
        Assert.Equal("invalid", json.RootElement.GetProperty("verdict").GetString());
        Assert.Equal("packed", json.RootElement.GetProperty("placement").GetString());
        Assert.Equal("deadlock", json.RootElement.GetProperty("hangs")[0].GetProperty("kind").GetString());
    }

    [Fact]
    public void A_field_without_a_value_is_null_and_not_absent()
    {
        var results = SampleResults.All with { Violations = [new("S1", "m", null, null, null, null, null, [], [])] };
        using var json = JsonDocument.Parse(ResultsJson.Write(results));
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("violations")[0].GetProperty("gfn").ValueKind);
    }

    [Fact]
    public void Every_field_is_documented_and_nothing_else_is()
    {
        using var json = JsonDocument.Parse(ResultsJson.Write(SampleResults.All));
        var fields = Leaves(json.RootElement, "").Select(leaf => leaf.Path)
            .Select(path => path.Replace("dirty-log-get", "<operation>", StringComparison.Ordinal))
            .Select(path => path.Replace("unmap", "<operation>", StringComparison.Ordinal))
            .Concat(
                ((string[])["index", "time", "silo", "process", "type", "f", "op", "value", "warmup"]).Select(field => $"history.{field}"))
            .ToHashSet();
        var documented = Repository.File("docs/results.md").Split('\n')
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('`')[1])
            .ToList();
        Assert.Equal(fields.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Names(JsonElement element) => element.EnumerateObject().Select(property => property.Name);

    private static IEnumerable<(string Path, string Value)> Leaves(JsonElement element, string path) => element.ValueKind switch
    {
        JsonValueKind.Object =>
            element.EnumerateObject()
                .SelectMany(property => Leaves(property.Value, path.Length == 0 ? property.Name : $"{path}.{property.Name}")),
        JsonValueKind.Array when element.GetArrayLength() == 0 => [(path + "[]", "")],
        JsonValueKind.Array => Leaves(element[0], path + "[]"),
        _ => [(path, element.ToString())],
    };
}
