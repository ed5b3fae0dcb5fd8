using System.Collections.Concurrent;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Counts the calls that grains get, by the key of the grain and the name of the method: calls between silos and within
/// one.</summary>
internal sealed class CallCounter : IIncomingGrainCallFilter
{
    private readonly ConcurrentDictionary<(string Key, string Method), int> _calls = new();

    public int Of(string grainKey, string method) => _calls.GetValueOrDefault((grainKey, method));

    public Task Invoke(IIncomingGrainCallContext context)
    {
        _calls.AddOrUpdate((context.TargetId.Key.ToString()!, context.MethodName), 1, (_, count) => count + 1);
        return context.Invoke();
    }
}
