using System.Collections.Concurrent;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Calls that run but lose their answer, each once.</summary>
internal sealed class LostAnswers : IIncomingGrainCallFilter
{
    private readonly ConcurrentDictionary<(string Key, string Method), Exception> _losses = new();

    /// <summary>Every answer that was to be lost has been.</summary>
    public bool AreLost => _losses.IsEmpty;

    /// <param name="grainKey">the called grain</param>
    /// <param name="method">the called method</param>
    /// <param name="instead">what the caller gets; without it, the time-out</param>
    public void Lose(string grainKey, string method, Exception? instead = null) =>
        _losses[(grainKey, method)] = instead ?? new TimeoutException("the answer was lost");

    public async Task Invoke(IIncomingGrainCallContext context)
    {
        await context.Invoke();
        if (!_losses.IsEmpty && _losses.TryRemove((context.TargetId.Key.ToString()!, context.MethodName), out var instead)) throw instead;
    }
}
