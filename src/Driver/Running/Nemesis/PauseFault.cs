using Livebed.Grains.Hosting;

namespace Livebed.Driver.Running.Nemesis;

/// <summary>
/// A silo's process stands still, as when its machine is suspended or swaps. Nothing is lost: its VMs go on where they were. The others
/// bear it, as it is shorter than their patience.
/// </summary>
internal sealed class PauseFault(IClusterFaults cluster, string silo, TimeSpan length) : INemesisFault
{
    private static readonly TimeSpan Spare = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SeenMax = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    public string Target => silo;

    public Task BeginAsync(CancellationToken over)
    {
        cluster.Processes!.Stop(silo, length + Spare);
        return Task.CompletedTask;
    }

    public async Task<string?> FindNoEffectAsync() =>
        await IsSoonAsync(() => cluster.Processes!.IsStopped(silo)) ? null : $"the process of {silo} did not stand still";

    public Task EndAsync(bool isHurried)
    {
        cluster.Processes!.Continue(silo);
        return Task.CompletedTask;
    }

    public async Task<string?> FindNotHealedAsync()
    {
        if (!await IsSoonAsync(() => !cluster.Processes!.IsStopped(silo))) return $"the process of {silo} still stands still";
        return await cluster.PingAsync(silo, silo, AnswerMax) is null ? $"{silo} does not answer though it goes on" : null;
    }

    /// <summary>A signal takes effect a moment later.</summary>
    private static async Task<bool> IsSoonAsync(Func<bool> holds)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!holds())
        {
            if (TimeProvider.System.GetElapsedTime(began) > SeenMax) return false;
            await Task.Delay(Look);
        }

        return true;
    }
}
