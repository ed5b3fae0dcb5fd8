using System.Collections.Concurrent;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Where calls wait that a test holds, see <see cref="HeldCall"/>; one hold a grain and method at a time.</summary>
internal sealed class HeldCalls : IIncomingGrainCallFilter
{
    private readonly ConcurrentDictionary<(string Key, string Method), HeldCall> _held = new();

    /// <summary>Calls of the method that are made from now on wait until the hold is over; of those, if <paramref name="isMeant"/> is given, the ones that it says.</summary>
    public HeldCall Hold(string grainKey, string method, Func<IIncomingGrainCallContext, bool>? isMeant = null) => Hold(grainKey, method, isMeant, isAnswerHeld: false);

    /// <summary>As <see cref="Hold(string, string, Func{IIncomingGrainCallContext, bool}?)"/>, but they are carried out, and their answers wait.</summary>
    public HeldCall HoldAnswers(string grainKey, string method) => Hold(grainKey, method, isMeant: null, isAnswerHeld: true);

    public Task Invoke(IIncomingGrainCallContext context) =>
        !_held.IsEmpty && _held.TryGetValue((context.TargetId.Key.ToString()!, context.MethodName), out var held) ? held.PassAsync(context) : context.Invoke();

    private HeldCall Hold(string grainKey, string method, Func<IIncomingGrainCallContext, bool>? isMeant, bool isAnswerHeld)
    {
        var key = (grainKey, method);
        var held = new HeldCall($"{method} of {grainKey}", isMeant ?? (_ => true), isAnswerHeld, () => _held.TryRemove(key, out _));
        Assert.True(_held.TryAdd(key, held), $"{method} of {grainKey} is held already");
        return held;
    }
}
