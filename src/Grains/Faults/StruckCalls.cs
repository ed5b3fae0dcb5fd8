using System.Collections.Concurrent;
using System.Reflection;
using Livebed.Grains.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Orleans.Serialization.Invocation;

namespace Livebed.Grains.Faults;

/// <summary>
/// Sends the calls of a silo that may arrive twice and late (<see cref="AtLeastOnceAttribute"/>) as <see cref="SiloCalls"/> draws it. One
/// that goes twice is two messages, the second with a copy of the arguments. The caller takes the answer that comes first, as one that
/// repeats what it heard no answer to; the other is dropped.
/// </summary>
internal sealed class StruckCalls(SiloCalls calls, IServiceProvider services) : IOutgoingGrainCallFilter
{
    private readonly ConcurrentDictionary<MethodInfo, bool> _mayRepeat = new();
    private readonly AsyncLocal<bool> _isStruck = new();

    // Both know the filters of the silo, of which this is one.
    private readonly Lazy<IGrainReferenceRuntime> _runtime = new(services.GetRequiredService<IGrainReferenceRuntime>);
    private readonly Lazy<DeepCopier> _copier = new(services.GetRequiredService<DeepCopier>);

    public Task Invoke(IOutgoingGrainCallContext context)
    {
        if (_isStruck.Value || !MayRepeat(context.InterfaceMethod) || calls.Draw() is not { } fate) return context.Invoke();
        return fate.AgainLate is { } again ? TwiceAsync(context, fate.Late, again) : LateAsync(context, fate.Late);
    }

    private bool MayRepeat(MethodInfo method) =>
        _mayRepeat.GetOrAdd(method, static one => one.IsDefined(typeof(AtLeastOnceAttribute), inherit: false));

    private static async Task LateAsync(IOutgoingGrainCallContext context, TimeSpan late)
    {
        await Task.Delay(late);
        await context.Invoke();
    }

    private async Task TwiceAsync(IOutgoingGrainCallContext context, TimeSpan late, TimeSpan againLate)
    {
        // Before the first is sent: a call to a grain of this silo takes the arguments along.
        var copy = _copier.Value.Copy(context.Request);
        var (first, second) = (SendAsync(context, context.Request, late), SendAsync(context, copy, againLate));
        var isSecond = await Task.WhenAny(first, second) == second && second.IsCompletedSuccessfully;
        Forget(isSecond ? first : second);
        context.Result = await (isSecond ? second : first);
    }

    /// <summary>A message of its own. The context's own Invoke goes once, and only until this filter returns: one that is sent later would
    /// begin at the first filter and be struck again.</summary>
    private async Task<object?> SendAsync(IOutgoingGrainCallContext context, IInvokable request, TimeSpan late)
    {
        _isStruck.Value = true;
        await Task.Delay(late);
        return await _runtime.Value.InvokeMethodAsync<object?>((GrainReference)context.Grain, request, ((IRequest)request).Options);
    }

    /// <summary>The answer that comes second is nobody's, a failure too.</summary>
    private static void Forget(Task call) => call.ContinueWith(
        static one => one.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
}
