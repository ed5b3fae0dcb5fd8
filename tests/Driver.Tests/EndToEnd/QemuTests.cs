using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Driver.Tests.BadInputs;
using Livebed.Driver.Tests.Docs;

namespace Livebed.Driver.Tests.EndToEnd;

/// <summary>A real QEMU migrates a guest of a few MiB, where there is one.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class QemuTests
{
    private const int Pages = 500;

    /// <summary>A page each millisecond, in turn.</summary>
    private static byte[] Trace()
    {
        var lines = Enumerable.Range(1, 100).Select(interval => string.Create(
            CultureInfo.InvariantCulture, $"{interval * 10_000} {interval * 10 % Pages}+10"));
        return InputFiles.Gzip(
            $$"""{"format":"dirty-page-trace/1","name":"turns","source":"a test","pageSize":4096,"pages":{{Pages}},"intervals":100}"""
                + "\n" + string.Join('\n', lines) + "\n");
    }

    [NeedsQemuFact]
    public async Task A_migration_is_measured_beside_its_forecast_and_memories_are_compared()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllBytesAsync(folder.PathOf("turns.dirty.gz"), Trace());
        var (code, said, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "qemu", "turns.dirty.gz", "--for", "1s", "--bandwidth", "64MiB/s", "-o", "mine.dirty.gz", "--json");
        // QEMU loses dirty pages under TCG now and then, and then says so.
        Assert.True(code is ExitCodes.Valid or ExitCodes.Invalid, $"{code}: {errors}");
        using var json = JsonDocument.Parse(said);
        var root = json.RootElement;
        Assert.Equal("completed", root.GetProperty("status").GetString());
        Assert.Equal(code == ExitCodes.Invalid, root.GetProperty("stalePages").GetInt64() > 0);
        Assert.True(root.GetProperty("measured").GetProperty("transferred").GetInt64() > Pages * 4096);
        Assert.True(root.GetProperty("forecast").GetProperty("transferred").GetProperty("least").GetDouble() > Pages * 4096);
        var documented = Documents.InlineCode("docs/your-vm.md").ToHashSet(StringComparer.Ordinal);
        Assert.Equal([], JsonPaths.Of(root).Where(path => !documented.Contains(path)).Distinct());
        // What the guest was seen to write can be forecast again, as a guest.
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync(
            "predict", folder.PathOf("mine.dirty.gz"), "--as", "qemu", "--link", "64MiB/s"));
        Assert.Contains("guest RAM of qemu-system-x86, 32 MiB", harness.Out, StringComparison.Ordinal);
    }

    /// <summary>While the first QEMU starts, while its guest is recorded, and while it migrates. A terminal's Ctrl-C goes to the command's
    /// group, in which no QEMU is: it would say something of its own.</summary>
    [NeedsQemuTheory]
    [InlineData(1, 0)]
    [InlineData(1, 2)]
    [InlineData(2, 0)]
    public async Task Ctrl_C_ends_it_soon_and_leaves_no_QEMU_behind(int qemus, int secondsLater)
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllBytesAsync(folder.PathOf("turns.dirty.gz"), Trace());
        using var command = CommandProcess.Start(
            folder.FullPath, "qemu", "turns.dirty.gz", "--for", qemus == 1 ? "60s" : "1s", "--bandwidth", "1MiB/s", "--quiet");
        var begun = Stopwatch.GetTimestamp();
        while (Qemus().Count < qemus)
        {
            Assert.True(!command.HasExited && Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(60), "it starts no QEMU");
            await Task.Delay(20);
        }

        var started = Qemus();
        await Task.Delay(TimeSpan.FromSeconds(secondsLater));
        var interrupted = Stopwatch.GetTimestamp();
        Assert.All(Qemus(), qemu => Assert.Equal(qemu, CommandProcess.GroupOf(qemu)));
        command.InterruptAlone();
        Assert.Equal(ExitCodes.Interrupted, await command.EndAsync());
        Assert.InRange(Stopwatch.GetElapsedTime(interrupted), TimeSpan.Zero, TimeSpan.FromSeconds(8));
        Assert.Equal("stopping; interrupt again to quit at once", Assert.Single(command.Errors.TrimEnd().Split('\n')));
        Assert.Empty(command.Out);
        Assert.DoesNotContain(started, id => CommandLineOf(id).Contains("livebed-qemu-", StringComparison.Ordinal));

        List<int> Qemus() => [.. command.Children.Where(child => child.CommandLine.Contains("livebed-qemu-", StringComparison.Ordinal))
            .Select(child => child.Id)];
    }

    private static string CommandLineOf(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    [Theory]
    [InlineData("qemu: there is nothing to replay; allowed: a recorded trace, or the name of a shipped one, as in redis")]
    [InlineData("qemu none: there is no such file; allowed: a recorded trace (campaigns/workloads/README.md)", "none")]
    [InlineData("--accel xen: 'xen' is unknown; allowed: tcg, kvm", "t.dirty.gz", "--accel", "xen")]
    [InlineData("--out none/x: is no file that can be written; allowed: a file in a folder that is there", "t.dirty.gz", "-o", "none/x")]
    [InlineData(
        "qemu t.dirty.gz: nosuchqemu: No such file or directory (error 2); allowed: where QEMU for x86-64 is installed, or --qemu PATH",
        "t.dirty.gz", "--qemu", "nosuchqemu", "--quiet")]
    public async Task What_cannot_be_done_is_one_line(string message, params string[] arguments)
    {
        if (!OperatingSystem.IsLinux()) return;
        using var harness = new CommandHarness();
        await File.WriteAllBytesAsync(harness.Folder.PathOf("t.dirty.gz"), Trace());
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(["qemu", .. arguments]));
        Assert.Equal(message, Assert.Single(harness.Error.TrimEnd().Split('\n')));
        Assert.Empty(harness.Out);
    }
}

/// <summary>A test that needs QEMU. Without it the test is left out on a developer's machine, and fails where CI is set.</summary>
internal sealed class NeedsQemuFactAttribute : FactAttribute
{
    public NeedsQemuFactAttribute() => Skip = WhyNot;

    public static string? WhyNot => !OperatingSystem.IsLinux()
        ? "needs Linux"
        : IsInstalled || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI"))
        ? null
        : "needs qemu-system-x86_64 (apt-get install qemu-system-x86)";

    private static bool IsInstalled => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, "qemu-system-x86_64")));
}

/// <inheritdoc cref="NeedsQemuFactAttribute"/>
internal sealed class NeedsQemuTheoryAttribute : TheoryAttribute
{
    public NeedsQemuTheoryAttribute() => Skip = NeedsQemuFactAttribute.WhyNot;
}
