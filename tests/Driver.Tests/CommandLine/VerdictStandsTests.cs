using System.Text;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;

namespace Livebed.Driver.Tests.CommandLine;

/// <summary>Nothing loses the verdict: whatever cannot be written, it is told, and the exit status is its own.</summary>
public sealed class VerdictStandsTests
{
    private static readonly RunOutcome _bad = new()
    {
        Counts = new() { Accesses = 10, ChecksEvaluated = 1 },
        Violations = [new("S1", "a stale SPTE", "silo-0", "vm-0", 1, null, null, [], [])],
    };

    [Fact]
    public async Task A_run_folder_that_is_removed_during_the_run()
    {
        using var harness = new CommandHarness(new FakeRunner((_, folder, _, _) =>
        {
            Directory.Delete(folder.FullPath, recursive: true);
            return Task.FromResult(_bad);
        }));
        Assert.Equal(ExitCodes.Invalid, await harness.RunCampaignAsync(CommandHarness.SmallCampaign));
        Assert.Contains("verdict: invalid", harness.Out, StringComparison.Ordinal);
        foreach (var file in new[] { RunFolder.ResultsFile, RunFolder.HistoryFile, RunFolder.ReportFile })
            Assert.Contains($"{file} could not be written", harness.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_report_that_cannot_be_written_is_a_limit_that_was_hit()
    {
        using var harness = new CommandHarness(new FakeRunner((_, folder, _, _) =>
        {
            Directory.CreateDirectory(folder.PathOf(RunFolder.ReportFile));
            return Task.FromResult(_bad);
        }));
        Assert.Equal(ExitCodes.Invalid, await harness.RunCampaignAsync(CommandHarness.SmallCampaign));
        Assert.Equal("reportFile", Assert.Single(harness.Results().LimitsHit).Limit);
        Assert.Equal(VerdictKind.Invalid, harness.Results().Verdict);
        Assert.Contains("report.html could not be written", Assert.Single(harness.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Results_that_cannot_be_written_again_are_said_to_be_there_without_what_came_since()
    {
        RunFolder? run = null;

        // The disk is full when the report has failed.
        using var error = new WatchedWriter(text =>
        {
            if (text.Contains("report.html could not be written", StringComparison.Ordinal))
                Directory.CreateDirectory(HistoryWriter.PartialPath(run!.PathOf(RunFolder.ResultsFile)));
        });
        using var harness = new CommandHarness(new FakeRunner((_, folder, _, _) =>
        {
            run = folder;
            Directory.CreateDirectory(folder.PathOf(RunFolder.ReportFile));
            return Task.FromResult(_bad);
        }), error: error);
        Assert.Equal(ExitCodes.Invalid, await harness.RunCampaignAsync(CommandHarness.SmallCampaign));
        Assert.Equal(VerdictKind.Invalid, harness.Results().Verdict);
        Assert.DoesNotContain("results.json could not be written", harness.Error, StringComparison.Ordinal);
        Assert.Contains(
            "results.json is written and whole, but what was said since is not in it", harness.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run")]
    [InlineData("run", "--json")]
    public async Task A_standard_output_that_is_full(params string[] words)
    {
        using var harness = new CommandHarness(new FakeRunner(_bad), output: new FullWriter());
        Assert.Equal(ExitCodes.Invalid, await harness.RunCampaignAsync(CommandHarness.SmallCampaign, words[1..]));
        Assert.Equal(VerdictKind.Invalid, harness.Results().Verdict);
        Assert.Contains("verdict: invalid. Invariant S1 was violated: a stale SPTE.", harness.Error, StringComparison.Ordinal);
        Assert.Contains("standard output cannot be written (no room)", harness.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replay_that_cannot_be_written()
    {
        using var harness = new CommandHarness();
        Directory.CreateDirectory(harness.Folder.PathOf("r.json.part"));
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync(
            "explore", "fault-vs-invalidate", "--mutant", "no-retry-check", "--seed", "1", "--replay-file", "r.json"));
        Assert.Contains("verdict: invalid", harness.Out, StringComparison.Ordinal);
        Assert.StartsWith("r.json: the replay could not be written (", harness.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_terminal_obeys_is_spelled()
    {
        using var harness = new CommandHarness(new FakeRunner(_bad with
        {
            Violations = [new("S1", "a \u001b[31mred\u0007 SPTE", "silo-0", "vm-0", 1, null, null, [], ["a \u001b[2J line"])],
        }));
        await harness.RunCampaignAsync(CommandHarness.SmallCampaign);
        Assert.Contains(@"\x1b[31mred\x07", harness.Out, StringComparison.Ordinal);
        Assert.DoesNotContain(harness.Out, c => char.IsControl(c) && c != '\n');
    }

    [Fact]
    public async Task An_interrupt_gives_up_what_cannot_be_stopped()
    {
        using var harness = new CommandHarness();
        var never = new TaskCompletionSource<int>();
        var given = harness.Interrupts.AwaitAsync(() => never.Task.Result);
        harness.Interrupts.Signal();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        never.SetResult(0);
    }

    /// <summary>Keeps what is written, and tells of each piece.</summary>
    private sealed class WatchedWriter(Action<string> onText) : StringWriter(System.Globalization.CultureInfo.InvariantCulture)
    {
        public override void Write(string? value)
        {
            base.Write(value);
            onText(value ?? "");
        }
    }

    private sealed class FullWriter : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => throw new IOException("no room");
    }
}
