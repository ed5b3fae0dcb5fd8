namespace Livebed.Explorer.Kernels;

/// <summary>
/// Makes a script smaller as long as it still shows what it shows: leaves steps out, in halves and down to single ones, and then vCPUs and
/// the backing that are not needed. Each attempt plays the script, so their number is bounded.
/// </summary>
/// <param name="shows">whether a script still does</param>
public sealed class ScriptShrinker(Func<KernelScript, bool> shows)
{
    public const int AttemptsMax = 2_000;

    /// <summary>Scripts that were played.</summary>
    public int Attempts { get; private set; }

    /// <summary>The smallest that was found; the script itself when nothing can go.</summary>
    public KernelScript Shrink(KernelScript script)
    {
        for (var size = script.Steps.Count / 2; size > 0;)
        {
            var smaller = WithoutPart(script, size);
            if (smaller is not null) script = smaller;
            if (smaller is null || size > script.Steps.Count / 2) size = size == 1 && smaller is not null ? 1 : size / 2;
        }

        foreach (var simpler in Simpler(script))
            if (Shows(simpler)) script = simpler;
        return script;
    }

    /// <summary>Null when no part of that size can go.</summary>
    private KernelScript? WithoutPart(KernelScript script, int size)
    {
        KernelScript? found = null;
        for (var first = script.Steps.Count - size; first >= 0; first -= size)
        {
            if (first + size > script.Steps.Count || script.Steps.Count <= size) continue;
            var shorter = script with { Steps = [.. script.Steps.Take(first), .. script.Steps.Skip(first + size)] };
            if (Shows(shorter)) found = script = shorter;
        }

        return found;
    }

    private static IEnumerable<KernelScript> Simpler(KernelScript script)
    {
        if (script.Vcpus > 1)
            yield return script with { Vcpus = 1, Steps = [.. script.Steps.Select(step => step with { Vcpu = 0 })] };
        if (script.Backing != BackingKind.Private) yield return script with { Backing = BackingKind.Private };
    }

    private bool Shows(KernelScript script) => Attempts++ < AttemptsMax && shows(script);
}
