using System.Text.RegularExpressions;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Counters;
using Livebed.Driver.Results;
using Livebed.Driver.Terminal;
using Livebed.Driver.Tests.Results;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Migration;
using Spectre.Console;

namespace Livebed.Driver.Tests.Terminal;

/// <summary>What the terminal shows, at the narrowest and a wide width: nothing is cut, nothing wraps, nothing is missing.</summary>
public sealed class ProgressTests
{
    private static readonly MigrationProgress _migration =
        new("a-name-that-is-longer-than-most", "host-10", "host-15", "postcopy-recover", 9_999, 512L << 20, 99);

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public void The_live_table_fits_and_shows_every_operation(int columns)
    {
        var text = Render(
            columns, console => console.Write(ProgressTable.Create("running", Snapshot(20, 1_000_000), Snapshot(19, 999_000))));
        var lines = text.Split('\n');
        Assert.All(lines, line => Assert.True(line.Length <= columns, line));
        Assert.All(
            OperationKinds.All,
            kind => Assert.Single(lines, line => line.Contains($" {kind.Name} ", StringComparison.Ordinal)));
        Assert.Contains("running  [█████████████░░░░░░░]  20.0s of 30s, 10s left", text, StringComparison.Ordinal);
        Assert.Contains("delivered 0.987", text, StringComparison.Ordinal);
        Assert.Contains("worst lock mmap_lock-R, 1.5s of waiting a second", text, StringComparison.Ordinal);
        Assert.Contains("1k/s", text, StringComparison.Ordinal);
        Assert.Contains("violations 3", text, StringComparison.Ordinal);
        Assert.DoesNotContain('…', text);
    }

    [Fact]
    public async Task Migrations_under_way_have_a_line_each_in_both_views()
    {
        var snapshot = Snapshot(20, 10) with { Migrations = [_migration with { Vm = "a", CpuThrottlePercentage = 0 }, _migration] };
        var table = Render(80, console => console.Write(ProgressTable.Create("running", snapshot, null)));
        using var output = new StringWriter();
        await new PlainProgress(output).ShowAsync(progress =>
        {
            progress.Report(snapshot);
            return Task.FromResult(0);
        });
        Assert.All(new[] { table, output.ToString() }, text =>
        {
            Assert.Contains(
                "a host-10>15  postcopy-recover  round 9999  512MiB left\n", text.Replace(" \n", "\n", StringComparison.Ordinal),
                StringComparison.Ordinal);
            Assert.Contains("a-name-t… host-10>15  postcopy-recover", text, StringComparison.Ordinal);
            Assert.Contains("512MiB left  cpu-99%", text, StringComparison.Ordinal);
            Assert.All(text.Split('\n'), line => Assert.True(line.TrimEnd().Length <= 80, line));
        });
    }

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public void The_report_has_a_row_for_each_workload_with_what_was_predicted_beside_what_was_measured(int columns)
    {
        var completed = SampleResults.Migration with { Status = MigrationStatus.Completed, GuestLost = false };
        var text = Render(columns, console => MigrationReport.Write(
            console,
            [
                completed with { Downtime = 10, TotalTime = 1_000 }, completed with { Downtime = 30, TotalTime = 2_000 },
                completed with { Downtime = 20, TotalTime = 3_000 },
                completed with { Workload = "sixteen-letters-", Predicted = new MigrationPrediction(null, 5_000, 123) },
                SampleResults.Migration with { Workload = "lost", Status = MigrationStatus.Failed, Reason = "the link broke" },
            ]));
        var lines = text.Split('\n').Select(line => line.TrimEnd()).ToList();
        Assert.All(lines, line => Assert.True(line.Length <= columns, line));
        Assert.Contains(lines, line => Regex.IsMatch(line, @"^ redis +3/3 +1 +5 +2s +1.4s +20ms +30ms +39.3ms$"));
        Assert.Contains(lines, line => Regex.IsMatch(line, @"^ sixteen-letters- +1/1 +1 +never +1.5s +5s +40.1ms +40.1ms +123ms$"));
        Assert.Contains(lines, line => Regex.IsMatch(line, @"^ lost +0/1( +-){7}$"));
        Assert.Contains(
            "redis (vm-0), host-0 to host-1, failed: the link broke; its guest is lost", string.Join(' ', lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public void The_rounds_of_each_workloads_last_completed_migration_stand_beside_both_forecasts(int columns)
    {
        var completed = SampleResults.Migration with { Status = MigrationStatus.Completed };
        var many = completed with
        {
            Vm = "last",
            Rounds = [.. Enumerable.Range(0, 30).Select(number => completed.Rounds[0] with { Round = number, Forecast = null })],
        };
        var failed = SampleResults.Migration with { Vm = "failed" };
        var other = completed with { Workload = "other" };
        var text = Render(columns, console => RoundReport.Write(console, [completed with { Vm = "first" }, many, failed, other]));
        var lines = text.Split('\n').Select(line => line.TrimEnd()).ToList();
        Assert.All(lines, line => Assert.True(line.Length <= columns, line));
        Assert.Equal(
            ["rounds of last, host-0 to host-1, completed:", "rounds of redis (vm-0), host-0 to host-1, completed:"],
            lines.Where(line => line.StartsWith("rounds of", StringComparison.Ordinal)));
        Assert.Contains(lines, line => Regex.IsMatch(line, @"^ 1 +11.5ms +10.5ms +9.3ms +51 +50 +44 +ring-full$"));
        Assert.Contains("30 of 30 rounds gained nothing (diverging), the first 0, the last 29", lines);
        Assert.Contains(lines, line => Regex.IsMatch(line, @"^ 15 +11.5ms +10.5ms +- +51 +50 +- "));
        Assert.Contains(" …", lines);
        Assert.DoesNotContain(lines, line => line.StartsWith(" 16 ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith(" 29 ", StringComparison.Ordinal));
    }

    [Fact]
    public void Operations_that_a_campaign_does_not_have_take_no_line()
    {
        var snapshot = Snapshot(20, 10) with { Operations = [new("unmap", 0, 0, 0), new("fork", 0, 1, 0), new("mprotect", 1, 0, 5)] };
        var text = Render(80, console => console.Write(ProgressTable.Create("running", snapshot, null)));
        Assert.DoesNotContain("unmap", text, StringComparison.Ordinal);
        Assert.Contains("fork", text, StringComparison.Ordinal);
        Assert.Contains("mprotect", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Plain_lines_fit_into_80_columns()
    {
        var lines = PlainProgress.LinesOf(Snapshot(99_999, 999_900_000_000), Snapshot(99_994, 1)).ToList();
        Assert.All(lines, line => Assert.True(line.Length <= 80, line));
        Assert.StartsWith("     0s left  delivered 0.987  not started ", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plain_progress_prints_phases_and_a_line_every_few_seconds_without_escapes()
    {
        using var output = new StringWriter();
        await new PlainProgress(output).ShowAsync(progress =>
        {
            progress.Phase("starting 3 silos");
            for (var second = 1; second <= 11; second++) progress.Report(Snapshot(second, 1_000 * second));
            return Task.FromResult(0);
        });
        var lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(7, lines.Length);
        Assert.Equal("starting 3 silos", lines[0]);
        Assert.StartsWith("   5.0s  ops ", lines[1], StringComparison.Ordinal);
        Assert.Contains("faults 1k/s", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("    25s left  delivered 0.987", lines[2], StringComparison.Ordinal);
        Assert.Equal("         worst lock mmap_lock-R, 1.5s of waiting a second", lines[3]);
        Assert.DoesNotContain('\u001b', output.ToString());
    }

    [Fact]
    public async Task A_run_among_several_has_its_title_and_colours_only_where_the_user_wants_them()
    {
        foreach (var hasColours in new[] { true, false })
        {
            using var output = new StringWriter();
            using var environment = Environment(80, output, isTerminal: true, hasColours);
            var console = environment.CreateConsole();
            console.Profile.Height = 50;
            await new LiveProgress(console, "[██░░]  2 of 4: rwsem").ShowAsync(progress =>
            {
                progress.Report(Snapshot(1, 5));
                return Task.FromResult(0);
            });
            Assert.Contains("2 of 4: rwsem", output.ToString(), StringComparison.Ordinal);
            if (!hasColours) Assert.DoesNotMatch("\u001b\\[[0-9;]*(3[0-7]|38;|9[0-7])m", output.ToString());
        }
    }

    [Theory]
    [InlineData(0, "[░░░░]")]
    [InlineData(0.5, "[██░░]")]
    [InlineData(7, "[████]")]
    [InlineData(double.NaN, "[░░░░]")]
    public void A_bar_shows_its_share(double share, string bar) => Assert.Equal(bar, ProgressBar.Of(share, columns: 4));

    [Fact]
    public async Task Live_progress_runs_to_the_end_and_hands_the_result_on()
    {
        using var output = new StringWriter();
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes });
        (console.Profile.Width, console.Profile.Height) = (80, 50);
        var result = await new LiveProgress(console).ShowAsync(progress =>
        {
            progress.Phase("running");
            progress.Report(Snapshot(1, 5));
            return Task.FromResult(42);
        });
        Assert.Equal(42, result);
        Assert.Contains("memslot-create", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public void The_report_fits_except_what_is_there_to_be_copied(int columns)
    {
        var text = Render(columns, console => new RunReport(console, SampleResults.All).Write("runs/20261122-211503-sample"));
        var lines = text.Split('\n');
        Assert.All(
            lines.Where(line => !line.StartsWith("repeat with", StringComparison.Ordinal)),
            line => Assert.True(line.Length <= columns, line));
        Assert.Contains("verdict: invalid", text, StringComparison.Ordinal);
        Assert.Contains("0x10", text, StringComparison.Ordinal);
        Assert.Contains("    start at 12", text, StringComparison.Ordinal);
        Assert.Contains(
            lines,
            line => line.StartsWith("repeat with ", StringComparison.Ordinal) && line.EndsWith("--seed 4242", StringComparison.Ordinal));
        Assert.Contains(lines, line => line == "run folder  runs/20261122-211503-sample");
        Assert.All(lines.Where(line => line.Contains("_unfair-W", StringComparison.Ordinal)), line => Assert.Matches("8.7s|7.7s", line));
        Assert.Contains("mmu_notifier_slots_lock_unfair-W ", text, StringComparison.Ordinal);
        Assert.All(CounterTable.All, counter => Assert.Contains(counter.Name, text, StringComparison.Ordinal));
    }

    [Fact]
    public void The_lock_table_has_the_columns_of_lock_stat_side_by_side_where_there_is_room()
    {
        string[] columns = ["conBounces", "contentions", "waitMin", "waitMax", "waitTotal", "waitAvg", "acqBounces", "acquisitions",
            "holdMin", "holdMax", "holdTotal", "holdAvg"];
        var wide = Render(200, console => new RunReport(console, SampleResults.All).Write("f"));
        Assert.Contains(wide.Split('\n'), line => columns.All(column => line.Contains(column, StringComparison.Ordinal)));

        var narrow = Render(80, console => new RunReport(console, SampleResults.All).Write("f")).Split('\n');
        Assert.Contains(
            narrow, line => Words(line).SequenceEqual(["lock", "waits", "contentions", "min", "max", "total", "avg"]));
        Assert.Contains(
            narrow, line => Words(line).SequenceEqual(["lock", "holds", "acquisitions", "min", "max", "total", "avg"]));
    }

    [Fact]
    public void Brackets_in_messages_are_no_markup()
    {
        var results = SampleResults.All with
        {
            Violations = [new("S1", "gfn [0x1, 0x2) [red]", null, null, null, null, null, [], ["[/]"])],
        };
        var text = Render(200, console => new RunReport(console, results).Write("f"));
        Assert.Contains("gfn [0x1, 0x2) [red]", text, StringComparison.Ordinal);
    }

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static ProgressSnapshot Snapshot(double seconds, long done) => new(
        TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(30),
        [.. OperationKinds.All.Select(kind => new OperationProgress(kind.Name, done, done / 2, 31_000_000))],
        done, done, 7, 3)
    {
        DeliveredShare = 0.987,
        LockWaits = new Dictionary<string, long>
        {
            ["mmu_lock-W"] = (long)(1_000 * seconds),
            ["mmap_lock-R"] = (long)(1_500_000 * seconds),
        },
    };

    private static string Render(int columns, Action<IAnsiConsole> write)
    {
        using var output = new StringWriter();
        using var environment = Environment(columns, output, isTerminal: false, hasColours: true);
        write(environment.CreateConsole());
        return output.ToString();
    }

    private static CommandEnvironment Environment(int columns, StringWriter output, bool isTerminal, bool hasColours) => new()
    {
        Out = output,
        Error = output,
        IsTerminal = isTerminal,
        HasColours = hasColours,
        Columns = columns,
        Folders = new CampaignFolders("/", "/"),
        Clock = TimeProvider.System,
        Interrupts = new Interrupts(output, _ => { }),
        Traces = _ => 0,
        Runners = _ => throw new InvalidOperationException("nothing runs here"),
    };
}
