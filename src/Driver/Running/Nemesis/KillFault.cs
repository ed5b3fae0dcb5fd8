using Livebed.Grains.Hosting;

namespace Livebed.Driver.Running.Nemesis;

/// <summary>
/// A silo's process dies without a word, and its host with all VMs that are on it; another process takes its place. The run may lose the
/// host's VMs, each of which is named, and nothing else. VMs of the same kinds are made in their places when the host is back.
/// </summary>
internal sealed class KillFault(ISiloProcesses processes, HostLoss loss, string silo, int host) : INemesisFault
{
    private string? _notBack;

    public string Target => silo;

    public async Task BeginAsync(CancellationToken over)
    {
        // While its VMs work: what is known of them is what was reported until now. A migration whose call fails with the silo asks
        // whether its host has died, so that is known before.
        loss.Dies(host);
        await processes.KillAsync(silo);
        loss.Died(host);
        await processes.DeclareDeadAsync(silo);
    }

    public Task<string?> FindNoEffectAsync() =>
        Task.FromResult(processes.Fates.IsDown(silo) ? null : $"{silo} is not down");

    public async Task EndAsync(bool isHurried)
    {
        if (isHurried) return;
        try
        {
            await processes.RestartAsync(silo, CancellationToken.None);
            await loss.IsBackAsync(host);
        }
        catch (Exception failure) when (failure is SiloStartException or TimeoutException)
        {
            _notBack = failure.Message;
            loss.StaysAway(host, failure.Message);
        }
    }

    public Task<string?> FindNotHealedAsync() => Task.FromResult(_notBack);
}
