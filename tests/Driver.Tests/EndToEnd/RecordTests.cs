using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Driver.Tests.Docs;
using Livebed.Kvm.Guests;
using Livebed.Linux.Tests;

namespace Livebed.Driver.Tests.EndToEnd;

/// <summary>The built command records a program, and leaves nothing behind where it is killed.</summary>
[Collection(EndToEndCollection.Name)]
[SupportedOSPlatform("linux")]
public sealed class RecordTests
{
    private static readonly PacedProgram _paced = new(PagesPerTick: 10, TickMicroseconds: 1000, Ticks: 200, MemoryPages: 2000);

    [NeedsX64LinuxFact]
    public async Task A_program_that_is_started_is_recorded_to_its_end()
    {
        using var folder = new TemporaryFolder();
        var program = _paced.WriteTo(folder.PathOf("paced"));
        var (code, said, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "record", "--interval", "5ms", "--max-slowdown", "0", "--json", "-o", "it.dirty.gz", "--", program);
        Assert.True(code == ExitCodes.Valid, errors);
        // Standard output is the program's, which says nothing.
        Assert.Empty(said);
        using var json = JsonDocument.Parse(errors);
        Assert.Equal(0, json.RootElement.GetProperty("programStatus").GetInt32());
        Assert.Equal("process-ended", json.RootElement.GetProperty("end").GetString());
        var documented = Documents.InlineCode("docs/your-vm.md").ToHashSet(StringComparer.Ordinal);
        Assert.Equal([], JsonPaths.Of(json.RootElement).Where(path => !documented.Contains(path)).Distinct());
        var trace = folder.PathOf("it.dirty.gz");
        // Beside its memory it writes to its stack, at most once an interval.
        var totals = DirtyPageTrace.Validate(trace);
        Assert.InRange(totals.PageWrites, _paced.PageWrites, _paced.PageWrites * 1.01 + totals.Intervals);
        Assert.Equal(DirtyPageTraceHeader.OfProcess, DirtyPageTrace.ReadHeader(trace).Memory);
        Assert.Equal(["it.dirty.gz", "paced"], Directory.GetFiles(folder.FullPath).Select(Path.GetFileName).Order());
    }

    [NeedsX64LinuxFact]
    public async Task A_program_computes_the_same_with_and_without_a_recording()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(17);
        folder.Write("numbers", string.Join('\n', Enumerable.Range(0, 300_000).Select(_ => random.Next())) + "\n");
        var (code, _, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "record", "-o", "it.dirty.gz", "--", "sort", "-n", "-o", "recorded", "numbers");
        Assert.True(code == ExitCodes.Valid, errors);
        Assert.True(DirtyPageTrace.Validate(folder.PathOf("it.dirty.gz")).PageWrites > 500, errors);
        var sort = new ProcessStartInfo("sort", ["-n", "-o", "alone", "numbers"]) { WorkingDirectory = folder.FullPath };
        using var alone = Process.Start(sort)!;
        await alone.WaitForExitAsync();
        Assert.Equal(File.ReadAllText(folder.PathOf("alone")), File.ReadAllText(folder.PathOf("recorded")));
    }

    [NeedsX64LinuxFact]
    public async Task A_recorder_that_is_killed_leaves_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        var lasting = _paced with { Ticks = 20_000 };
        using var program = Process.Start(lasting.WriteTo(folder.PathOf("paced")));
        try
        {
            var id = program.Id.ToString(CultureInfo.InvariantCulture);
            using var command = CommandProcess.Start(folder.FullPath, "record", "--pid", id);
            await AwaitAsync(() => IsProtected(id));
            command.Kill();
            await AwaitAsync(() => !IsProtected(id));
            Assert.False(program.HasExited);
            Assert.Equal(["paced"], Directory.GetFiles(folder.FullPath).Select(Path.GetFileName));
        }
        finally
        {
            program.Kill();
        }
    }

    /// <summary>Whether a userfaultfd protects any of a process's memory: the flag uw of a mapping.</summary>
    private static bool IsProtected(string process) => File.ReadLines($"/proc/{process}/smaps")
        .Any(line => line.StartsWith("VmFlags:", StringComparison.Ordinal) && line.Split(' ').Contains("uw"));

    private static async Task AwaitAsync(Func<bool> isTrue)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!isTrue())
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(60), "it did not come to be within a minute");
            await Task.Delay(10);
        }
    }
}

/// <summary>The paced program is machine code of x86-64, and Linux is what is recorded.</summary>
internal sealed class NeedsX64LinuxFactAttribute : FactAttribute
{
    public NeedsX64LinuxFactAttribute()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64) Skip = "needs Linux on x86-64";
    }
}
