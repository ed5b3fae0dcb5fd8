using System.Collections.Concurrent;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Calls that are made and whose answer does not come back, each once.</summary>
internal sealed class LostAnswers : IIncomingGrainCallFilter
{
    private readonly ConcurrentDictionary<(string Key, string Method), bool> _losses = new();

    public void Lose(string grainKey, string method) => _losses[(grainKey, method)] = true;

    public async Task Invoke(IIncomingGrainCallContext context)
    {
        await context.Invoke();
        if (!_losses.IsEmpty && _losses.TryRemove((context.TargetId.Key.ToString()!, context.MethodName), out _)) throw new TimeoutException("the answer was lost");
    }
}
