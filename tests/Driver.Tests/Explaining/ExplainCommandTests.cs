using System.Globalization;
using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Driver.Tests.Docs;

namespace Livebed.Driver.Tests.Explaining;

/// <summary>`livebed explain`: three kinds of log, and the reasons that it finds. The guest dirties 100 of 25 600 pages in 10 ms, in turn;
/// the link carries 100 MiB/s, so a round is about 0.4 of the one before.</summary>
public sealed class ExplainCommandTests
{
    private const long Mib = 1 << 20;

    private static readonly string[] _guest =
        ["--dirty-rate", "40MiB/s", "--memory", "100MiB", "--link", "100MiB/s", "--downtime", "50ms"];

    /// <summary>Polls, as query-migrate has them: twenty a second, and one at the beginning of each round.</summary>
    private static string Replies(double rate = 100, double dirtyMib = 40, int throttle = 0, bool completes = true)
    {
        var lines = new List<string> { """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}}}""" };
        var (time, sent, left) = (0.0, 0.0, 100.0);
        for (var sync = 1; sync <= 5; sync++)
        {
            for (var passed = 0.0; passed < left / rate; passed += 0.05)
                lines.Add(Reply("active", time + passed, sync, sent + passed * rate, left - passed * rate));
            time += left / rate;
            sent += left;
            left *= dirtyMib / rate;
        }

        lines.Add("""{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}""");
        if (completes) lines.Add(Reply("completed", time, 6, sent, 0));
        return string.Join('\n', lines);

        string Reply(string status, double seconds, int sync, double sentMib, double leftMib) => string.Create(
            CultureInfo.InvariantCulture,
            $$$"""
            {"return": {"status": "{{{status}}}", "total-time": {{{seconds * 1e3:0}}}, "downtime": 12,
              "cpu-throttle-percentage": {{{(sync > 2 ? throttle : 0)}}},
              "ram": {"dirty-sync-count": {{{sync}}}, "transferred": {{{sentMib * Mib:0}}}, "remaining": {{{leftMib * Mib:0}}},
                "duplicate": 0, "dirty-pages-rate": {{{(sync == 1 ? 0 : dirtyMib * 256):0}}} } } }
            """);
    }

    [Fact]
    public async Task A_migration_as_forecast_follows_the_forecast()
    {
        var (code, text, _) = await ExplainAsync(Replies(), _guest);
        Assert.Equal(ExitCodes.Valid, code);
        Assert.Contains("follows the forecast ", text, StringComparison.Ordinal);
        Assert.Contains(" replies of query-migrate over ", text, StringComparison.Ordinal);
        Assert.Equal("follows", ReasonOf(text, 0));
        Assert.Equal("follows", ReasonOf(text, 1));
    }

    [Theory]
    [InlineData("link-below-its-name", 60, 40, 0, 0)]
    [InlineData("throttled", 100, 40, 30, 2)]
    [InlineData("dirty-rate-higher", 100, 70, 0, 1)]
    public async Task What_departs_has_its_reason(string reason, double rate, double dirtyMib, int throttle, int round)
    {
        var (_, text, _) = await ExplainAsync(Replies(rate, dirtyMib, throttle), _guest);
        Assert.Equal(reason, ReasonOf(text, round));
    }

    [Fact]
    public async Task A_limit_that_is_never_in_reach_is_said()
    {
        var (_, text, _) = await ExplainAsync(Replies(rate: 100, dirtyMib: 95, completes: false), _guest);
        Assert.Contains("the downtime limit was never in reach: no sync left less than ", text, StringComparison.Ordinal);
    }

    /// <summary>No rate stands in this log, and its first round took as long and sent as much as forecast.</summary>
    [Theory]
    [InlineData("43.0", "follows", "")]
    [InlineData("72.0", "dirty-rate-higher", "remaining")]
    [InlineData("12.0", "dirty-rate-lower", "remaining")]
    public async Task What_a_sync_leaves_is_held_against_the_forecast_too(string left, string reason, string departs)
    {
        var log = $"""
            Job type:         Unbounded
            Time elapsed:     990          ms
            Memory processed: 99.0 MiB
            Memory remaining: 1.0 MiB
            Iteration:        1

            Job type:         Unbounded
            Time elapsed:     1000         ms
            Memory processed: 100.0 MiB
            Memory remaining: {left} MiB
            Iteration:        2
            """;
        var (_, text, error) = await ExplainAsync(log, _guest);
        Assert.True(error.Length == 0, error);
        Assert.Equal(reason, ReasonOf(text, 0));
        (_, text, _) = await ExplainAsync(log, [.. _guest, "--json"]);
        using var json = JsonDocument.Parse(text);
        var round = json.RootElement.GetProperty("rounds")[0];
        Assert.Equal(departs, string.Join(' ', round.GetProperty("departs").EnumerateArray().Select(figure => figure.GetString())));
        Assert.InRange(round.GetProperty("forecast").GetProperty("remaining").GetProperty("median").GetDouble(), 35 * Mib, 50 * Mib);
    }

    [Fact]
    public async Task A_link_that_carries_more_than_was_said_is_a_reason()
    {
        var (_, text, _) = await ExplainAsync(Replies(rate: 150), _guest);
        Assert.Equal("link-above-its-name", ReasonOf(text, 0));
        Assert.Contains("more than the 100MiB/s that were said", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Output_of_virsh_and_trace_events_are_read_too()
    {
        const string Virsh = """
            Job type:         Unbounded
            Operation:        Outgoing migration
            Time elapsed:     100          ms
            Memory processed: 9.8 MiB
            Memory remaining: 90.2 MiB
            Memory bandwidth: 100.1 MiB/s
            Dirty rate:       0            pages/s
            Iteration:        1
            Constant pages:   0

            Job type:         Unbounded
            Time elapsed:     1003         ms
            Memory processed: 100.2 MiB
            Memory remaining: 39.9 MiB
            Dirty rate:       10240        pages/s
            Iteration:        2
            Auto converge throttle: 20     %

            Job type:         Completed
            Time elapsed:     1500         ms
            Memory processed: 150.0 MiB
            Iteration:        4
            Total downtime:   13           ms
            """;
        var (code, text, error) = await ExplainAsync(Virsh, _guest);
        Assert.True(code == ExitCodes.Valid, error);
        Assert.Contains("3 blocks of virsh domjobinfo over 1.5s, 2 rounds, completed, downtime 13ms", text, StringComparison.Ordinal);
        Assert.Equal("follows", ReasonOf(text, 0));
        Assert.Equal("throttled", ReasonOf(text, 1));

        const string Trace = """
            812@1700000000.000100:migration_bitmap_sync_start
            812@1700000000.000200:migration_bitmap_sync_end dirty_pages 25600
            812@1700000000.100300:migrate_transferred transferred 10485760 time_spent 100 bandwidth 104857 max_size 5242880
            812@1700000001.000200:migrate_transferred transferred 94371840 time_spent 900 bandwidth 104857 max_size 5242880
            812@1700000001.000300:migration_bitmap_sync_end dirty_pages 10240
            812@1700000001.000400:migrate_pending_exact exact pending size 41943040 (pre = 41943040 post=0)
            812@1700000001.390000:migrate_transferred transferred 41943040 time_spent 390 bandwidth 104857 max_size 5242880
            812@1700000001.400000:migration_bitmap_sync_end dirty_pages 4096
            812@1700000001.400050:migration_bitmap_sync_end dirty_pages 4096
            812@1700000001.400100:migrate_set_state new state completed
            """;
        (code, text, error) = await ExplainAsync(Trace, _guest);
        Assert.True(code == ExitCodes.Valid, error);
        Assert.Contains("trace events of 4 syncs over 1.4s, 2 rounds, completed", text, StringComparison.Ordinal);
        Assert.Equal("follows", ReasonOf(text, 1));
    }

    [Fact]
    public async Task Every_field_of_the_json_is_documented()
    {
        var (_, text, _) = await ExplainAsync(Replies(), [.. _guest, "--json"]);
        using var document = JsonDocument.Parse(text);
        var documented = Documents.InlineCode("docs/your-vm.md").ToHashSet(StringComparer.Ordinal);
        Assert.Equal([], JsonPaths.Of(document.RootElement).Where(path => !documented.Contains(path)).Distinct());
    }

    [Theory]
    [InlineData("no log at all", "is no log of a migration that is known here")]
    [InlineData("", "is no log of a migration that is known here")]
    [InlineData("{\"dirty-sync-count\"", "line 1: is not JSON (JsonReaderException)")]
    [InlineData("{\"dirty-sync-count\": 1}", "has no moment of a migration")]
    [InlineData("Job type: Unbounded\nTime elapsed: 12345678901234 ms", "line 2: Time elapsed is '12345678901234'")]
    [InlineData("1@2.5:migration_bitmap_sync_end dirty_pages many", "line 1: there is no number behind 'dirty_pages'")]
    [InlineData("Job type: U\nTime elapsed: 9 ms\nJob type: U\nTime elapsed: 8 ms", "goes back in time after 9 ms")]
    public async Task A_log_that_is_none_is_one_line(string log, string problem)
    {
        var (code, text, error) = await ExplainAsync(log, _guest);
        Assert.Equal(ExitCodes.Usage, code);
        Assert.Equal(
            $"explain it.log: {problem}; allowed: replies of query-migrate, output of virsh domjobinfo, or QEMU's trace events "
                + "(docs/your-vm.md), of one migration\n", error);
        Assert.Equal("", text);
    }

    private static async Task<(int Code, string Text, string Error)> ExplainAsync(string log, string[] options)
    {
        using var harness = new CommandHarness(columns: 200);
        harness.Folder.Write("it.log", log);
        return (await harness.RunAsync(["explain", "it.log", .. options]), harness.Out, harness.Error);
    }

    /// <summary>The last word of the row of a round.</summary>
    private static string ReasonOf(string text, int round) => text.Split('\n').Select(line => line.Trim())
        .First(line => line.StartsWith($"{round} ", StringComparison.Ordinal)).Split(' ')[^1];
}
