using Livebed.Linux.Interop;

namespace Livebed.Linux.Processes;

/// <summary>What became of a process's time, in microseconds.</summary>
/// <param name="Elapsed">on the clock</param>
/// <param name="Ran">on a processor, all its threads, those that have ended included</param>
/// <param name="Waited">ready to run and on no processor, the threads that there are</param>
internal readonly record struct TargetTime(double Elapsed, double Ran, double Waited)
{
    /// <summary>The time that it had for its work: what it ran or, of one thread, ran or slept.</summary>
    public double Had => Math.Max(Ran, Elapsed - Waited);

    /// <param name="process">its id</param>
    /// <param name="elapsed">since any moment</param>
    /// <returns>nothing but <paramref name="elapsed"/> where the process has ended</returns>
    public static TargetTime Of(int process, TimeSpan elapsed) => new(
        elapsed.TotalMicroseconds, ProcessorTimeOf(process).TotalMicroseconds, SchedulerTimes.Of(process).WaitedNanoseconds / 1e3);

    public static TargetTime operator -(TargetTime left, TargetTime right) =>
        new(left.Elapsed - right.Elapsed, left.Ran - right.Ran, Math.Max(0, left.Waited - right.Waited));

    /// <summary>The processor clock of another process, as clock_getcpuclockid(3) names it.</summary>
    private static unsafe TimeSpan ProcessorTimeOf(int process)
    {
        const int Scheduled = 2;
        var time = default(TimeSpec);
        return Libc.GetTime((~process << 3) | Scheduled, &time) == 0
            ? TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromTicks(time.Nanoseconds / TimeSpan.NanosecondsPerTick)
            : TimeSpan.Zero;
    }
}
