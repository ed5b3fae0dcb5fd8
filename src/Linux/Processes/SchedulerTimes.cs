using System.Globalization;

namespace Livebed.Linux.Processes;

/// <summary>How long a process ran, and how long it waited for a processor: <c>/proc/PID/task/TID/schedstat</c>, all its threads.</summary>
/// <param name="RanNanoseconds">on a processor</param>
/// <param name="WaitedNanoseconds">ready to run, on none</param>
internal readonly record struct SchedulerTimes(long RanNanoseconds, long WaitedNanoseconds)
{
    /// <summary>Zero where the kernel does not say.</summary>
    public static SchedulerTimes Of(int process)
    {
        var sum = default(SchedulerTimes);
        try
        {
            foreach (var folder in Directory.EnumerateDirectories($"/proc/{process}/task"))
                sum += Parse(File.ReadAllText(Path.Combine(folder, "schedstat")));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A thread that has just ended is not waiting for anything.
        }

        return sum;
    }

    public static SchedulerTimes operator +(SchedulerTimes left, SchedulerTimes right) =>
        new(left.RanNanoseconds + right.RanNanoseconds, left.WaitedNanoseconds + right.WaitedNanoseconds);

    /// <summary>Zero for another text.</summary>
    public static SchedulerTimes Parse(string text)
    {
        var parts = text.Split(' ');
        return parts.Length >= 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var ran)
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var waited)
            ? new SchedulerTimes(ran, waited)
            : default;
    }
}
