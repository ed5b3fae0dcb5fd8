using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Livebed.Kvm.Guests;
using Livebed.Linux.Processes;
using Livebed.Linux.Recording;
using Xunit.Abstractions;

namespace Livebed.Linux.Tests;

/// <summary>A program that writes a known number of pages at a known pace, recorded while it runs.</summary>
[SupportedOSPlatform("linux")]
public sealed class RecorderTests(ITestOutputHelper output) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("livebed-record-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [NeedsX64LinuxFact]
    public void What_is_written_is_recorded_and_a_second_tracker_sees_the_same_pages()
    {
        // 20 000 a second for half a second, none twice, so that no pause of the machine hides one; two looks at once, by two ways that
        // have nothing in common.
        var paced = new PacedProgram(PagesPerTick: 20, TickMicroseconds: 1000, Ticks: 500, MemoryPages: 10_000);
        var program = StartedProgram.Start([paced.WriteTo(Path.Combine(_folder, "paced"))], isHeld: true);
        using var both = new CountdownEvent(2);
        RecordOutcome? compared = null;
        var comparing = new Thread(() => compared = Record(program.Process, RecordBackend.Compare, () => both.Signal()));
        comparing.Start();
        var recorded = Record(program.Process, null, () =>
        {
            both.Signal();
            Assert.True(both.Wait(TimeSpan.FromSeconds(60)));
            program.Continue();
        });
        comparing.Join();
        Assert.Equal(RecordEnd.ProcessEnded, recorded.End);
        // Beside its memory it writes to its stack alone, at most once an interval.
        Assert.InRange(recorded.PageWrites, paced.PageWrites, paced.PageWrites * 1.01 + recorded.Intervals);
        var (pages, comparedPages) = (DistinctPages(recorded), DistinctPages(compared!));
        Assert.InRange(pages, paced.MemoryPages, paced.MemoryPages + 1);
        Assert.InRange(comparedPages, paced.MemoryPages, paced.MemoryPages + 1);
        Assert.True(recorded.Header.ZeroPages >= paced.MemoryPages, $"{recorded.Header.ZeroPages} pages were zero");
        Assert.True(recorded.Backend == "wp-async" || recorded.InjectedMicroseconds == 0);
    }

    /// <summary>As the command records by default. A page is written again after two seconds, which a busy machine seldom pauses
    /// for.</summary>
    [NeedsX64LinuxTheory]
    [InlineData(1_000)]
    [InlineData(5_000)]
    [InlineData(20_000)]
    public void A_program_that_writes_at_a_known_pace_is_recorded_within_a_hundredth(int pagesPerSecond)
    {
        var paced = new PacedProgram(pagesPerSecond / 1000, TickMicroseconds: 1000, Ticks: 4000, MemoryPages: 2 * pagesPerSecond);
        var program = StartedProgram.Start([paced.WriteTo(Path.Combine(_folder, "paced"))], isHeld: true);
        using var recorder = Recorder.Attach(Request(program.Process, null) with { MaxSlowdown = 1 });
        var recorded = recorder.Record(program.Continue, _ => { }, CancellationToken.None);
        Assert.Equal(RecordEnd.ProcessEnded, recorded.End);
        // Beside its memory it writes to its stack alone, at most once an interval.
        var writesByPage = WritesByPage(recorded);
        var writes = writesByPage.Values.Sum() - writesByPage.Values.Max();
        output.WriteLine(
            $"{writes} of {paced.PageWrites} page writes in {recorded.Intervals} intervals of {recorded.KeptInterval}, "
                + $"slowdown {recorded.Slowdown:0.000}, a fault costs {recorded.FaultMicroseconds:0.0}us");
        Assert.InRange(writes, paced.PageWrites * 0.99, paced.PageWrites * 1.01);
    }

    [NeedsX64LinuxFact]
    public void The_recorded_process_goes_on_when_the_recording_is_over()
    {
        var paced = new PacedProgram(PagesPerTick: 1, TickMicroseconds: 1000, Ticks: 100, MemoryPages: 200);
        var program = StartedProgram.Start([paced.WriteTo(Path.Combine(_folder, "paced"))], isHeld: true);
        using (var recorder = Recorder.Attach(Request(program.Process, null) with { Time = TimeSpan.FromMilliseconds(50) }))
        {
            Assert.Equal(RecordEnd.TimeIsOver, recorder.Record(program.Continue, _ => { }, CancellationToken.None).End);
        }

        using var pidfd = new Pidfd(program.Process);
        Assert.True(pidfd.WaitForEnd(TimeSpan.FromSeconds(30)));
        Assert.Equal(0, program.ExitStatus());
    }

    [NeedsX64LinuxFact]
    public void A_process_is_looked_at_less_often_when_its_faults_cost_more_than_they_may()
    {
        // All of its memory again at each tick: a page fault each, for each look, and a thousandth of its time is soon used up.
        var hot = new PacedProgram(PagesPerTick: 500, TickMicroseconds: 1000, Ticks: 400, MemoryPages: 500);
        var program = StartedProgram.Start([hot.WriteTo(Path.Combine(_folder, "hot"))], isHeld: true);
        var request = Request(program.Process, RecordBackend.WpAsync) with { MaxSlowdown = 0.001 };
        using var recorder = Recorder.Attach(request);
        var outcome = recorder.Record(program.Continue, _ => { }, CancellationToken.None);
        Assert.True(outcome.FaultMicroseconds > 0);
        Assert.Contains(recorder.Notes, note => note.Contains("longer than asked for", StringComparison.Ordinal));
        Assert.NotNull(outcome.Header.Slowdown);
        // A program that ends before it may be looked at again takes its last writes with it.
        Assert.InRange(outcome.PageWrites, 1, hot.PageWrites);
    }

    [NeedsX64LinuxFact]
    public void What_cannot_be_recorded_is_said()
    {
        var ended = Assert.Throws<RecordingException>(() => Recorder.Attach(Request(int.MaxValue, null)));
        Assert.StartsWith("there is no such process", ended.Message, StringComparison.Ordinal);
        var guest = Assert.Throws<RecordingException>(() => Recorder.Attach(Request(Environment.ProcessId, null) with { IsGuest = true }));
        Assert.Contains("is no virtual machine", guest.Message, StringComparison.Ordinal);
    }

    private static RecordRequest Request(int process, RecordBackend? backend) => new(
        process, IsGuest: false, backend, backend == RecordBackend.Compare ? null : TimeSpan.FromMilliseconds(10), null);

    private static RecordOutcome Record(int process, RecordBackend? backend, Action begun)
    {
        using var recorder = Recorder.Attach(Request(process, backend));
        return recorder.Record(begun, _ => { }, CancellationToken.None);
    }

    private Dictionary<long, long> WritesByPage(RecordOutcome outcome)
    {
        var path = Path.Combine(_folder, "writes.dirty.gz");
        using (var file = File.Create(path)) outcome.Write(file);
        using var trace = DirtyPageTrace.Open(path);
        var writes = new Dictionary<long, long>();
        while (trace.ReadInterval())
            while (trace.ReadRun(out var run))
                for (var page = run.First; page < run.End; page++)
                    writes[page] = writes.GetValueOrDefault(page) + 1;
        return writes;
    }

    private long DistinctPages(RecordOutcome outcome)
    {
        var path = Path.Combine(_folder, outcome.Backend + ".dirty.gz");
        using (var file = File.Create(path)) outcome.Write(file);
        var totals = DirtyPageTrace.Validate(path);
        Assert.Equal(outcome.PageWrites, totals.PageWrites);
        return totals.DistinctPages;
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

/// <inheritdoc cref="NeedsX64LinuxFactAttribute"/>
internal sealed class NeedsX64LinuxTheoryAttribute : TheoryAttribute
{
    public NeedsX64LinuxTheoryAttribute() => Skip = new NeedsX64LinuxFactAttribute().Skip;
}
