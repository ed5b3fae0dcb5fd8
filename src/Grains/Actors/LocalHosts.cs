using System.Collections.Concurrent;
using Livebed.Kvm.Host;

namespace Livebed.Grains.Actors;

/// <summary>
/// The hosts that live on this silo, so that a vCPU beside its host reaches guest memory without a grain call, as a CPU reaches its own
/// machine's memory. One for each silo; a host that another silo has is not in it.
/// </summary>
internal sealed class LocalHosts
{
    private readonly ConcurrentDictionary<(string Host, int AddressSpace), IGuestMemory> _memories = new();

    public void Add(string host, int addressSpace, IGuestMemory memory) => _memories[(host, addressSpace)] = memory;

    public void Remove(string host, int addressSpace) => _memories.TryRemove((host, addressSpace), out _);

    /// <summary>The hosts are gone, however they went.</summary>
    public void Clear() => _memories.Clear();

    public IGuestMemory? Find(string host, int addressSpace) => _memories.GetValueOrDefault((host, addressSpace));
}
