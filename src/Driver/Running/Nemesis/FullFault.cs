using Livebed.Grains.Contracts;

namespace Livebed.Driver.Running.Nemesis;

/// <summary>
/// Other programs of a host take all of its memory that was not promised to VMs. It refuses each VM that wants to come, before its first
/// page, and the VM goes on where it was; one that is made there waits. VMs that are there have what they were promised.
/// </summary>
internal sealed class FullFault(IHostMmuGrain host, string name) : INemesisFault
{
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(10);
    private bool _hasRoom;

    public string Target => name;

    public async Task BeginAsync(CancellationToken over) => _hasRoom = await FillAsync(left: 0);

    public Task<string?> FindNoEffectAsync() => Task.FromResult(_hasRoom ? $"{name} has memory left all the same" : null);

    public async Task EndAsync(bool isHurried) => _hasRoom = await FillAsync(left: null);

    public Task<string?> FindNotHealedAsync() => Task.FromResult(_hasRoom ? null : $"{name} has no memory again");

    private Task<bool> FillAsync(long? left) => host.FillAsync(left).AsTask().WaitAsync(AnswerMax);
}
