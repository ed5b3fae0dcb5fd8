using System.Diagnostics;

namespace Livebed.Mutation;

/// <summary>
/// Finds a schedule whose step does not end: the explorer's limit of steps does not see it. What counts is processor time, so a machine
/// that is slow or stands still makes no finding; a step that takes ever more memory is found by that.
/// </summary>
internal sealed class EndlessStep
{
    private const long BytesMax = 3L << 30;

    /// <summary>The longest schedules of the scenarios take two seconds.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(250);

    private readonly Action _found;
    private long _schedule;

    /// <param name="found">called once, on a thread of its own</param>
    public EndlessStep(Action found)
    {
        _found = found;
        new Thread(Watch) { IsBackground = true }.Start();
    }

    /// <summary>Another schedule begins.</summary>
    public void Begin() => Volatile.Write(ref _schedule, _schedule + 1);

    private void Watch()
    {
        var (seen, since) = (-1L, TimeSpan.Zero);
        using var process = Process.GetCurrentProcess();
        while (true)
        {
            Thread.Sleep(Period);
            process.Refresh();
            var (schedule, time) = (Volatile.Read(ref _schedule), process.TotalProcessorTime);
            if (schedule != seen) (seen, since) = (schedule, time);
            else if (time - since > Limit || process.WorkingSet64 > BytesMax) break;
        }

        _found();
    }
}
