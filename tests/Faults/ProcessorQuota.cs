using System.Globalization;

namespace Livebed.Faults;

/// <summary>
/// Gives a command and its silos a part of one processor: by a control group (version 1 or 2) where one can be made, otherwise by stopping
/// and continuing them ten times a second.
/// </summary>
internal sealed class ProcessorQuota(int percent) : IDisposable
{
    private const int PeriodMilliseconds = 100;
    private readonly CancellationTokenSource _over = new();
    private string? _group;
    private Task _cycle = Task.CompletedTask;

    public void Limit(CommandUnderTest command)
    {
        var (quota, period) = (percent * PeriodMilliseconds * 10, PeriodMilliseconds * 1000);
        var text = quota.ToString(CultureInfo.InvariantCulture);
        if (TryGroup("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", text, command)
            || TryGroup("/sys/fs/cgroup", "cpu.max", FormattableString.Invariant($"{quota} {period}"), command))
            return;
        _cycle = CycleAsync(command, _over.Token);
    }

    public void Dispose()
    {
        _over.Cancel();
        _cycle.Wait();
        if (_group is not null) Remove(_group);
        _over.Dispose();
    }

    private bool TryGroup(string root, string file, string quota, CommandUnderTest command)
    {
        var group = Path.Combine(root, FormattableString.Invariant($"livebed-faults-{Environment.ProcessId}-{command.Tree()[0]}"));
        try
        {
            if (!Directory.Exists(root)) return false;
            Directory.CreateDirectory(group);
            if (!File.Exists(Path.Combine(group, file)))
            {
                Directory.Delete(group);
                return false;
            }

            File.WriteAllText(Path.Combine(group, file), quota);

            // What they start later belongs to it too.
            foreach (var process in command.Tree())
                File.WriteAllText(Path.Combine(group, "cgroup.procs"), process.ToString(CultureInfo.InvariantCulture));
            _group = group;
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private async Task CycleAsync(CommandUnderTest command, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            CommandUnderTest.Signal(command.Tree(), Signals.Stop);
            await Rest(PeriodMilliseconds - PeriodMilliseconds * percent / 100, over);
            CommandUnderTest.Signal(command.Tree(), Signals.Continue);
            await Rest(PeriodMilliseconds * percent / 100, over);
        }
    }

    private static async Task Rest(int milliseconds, CancellationToken over) =>
        await Task.Delay(milliseconds, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private static void Remove(string group)
    {
        try
        {
            Directory.Delete(group);
        }
        catch (IOException)
        {
            // A process of it has not quite ended: the group stays, empty.
        }
    }
}
