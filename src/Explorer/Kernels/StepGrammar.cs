using System.Globalization;
using System.Text;

namespace Livebed.Explorer.Kernels;

/// <summary>Which keys a verb has, what they may be, and how a step is written.</summary>
public static class StepGrammar
{
    /// <summary>Page numbers of 64-bit addresses.</summary>
    private const long AddressPages = 1L << 52;

    /// <summary>KVM_MEM_MAX_NR_PAGES: a memslot with more is refused by every kernel.</summary>
    public const long SlotPagesMax = (1L << 31) - 1;

    private static readonly StepKey _slot = StepKey.Number(
        "slot", 0, 65535, (step, value) => step with { Slot = (int)value }, step => step.Slot);
    private static readonly StepKey _gfn = StepKey.Number(
        "gfn", 0, AddressPages - 1, (step, value) => step with { Gfn = value }, step => step.Gfn);
    private static readonly StepKey _accessed = StepKey.Number(
        "gfn", 0, KernelScript.AccessGfnMax, (step, value) => step with { Gfn = value }, step => step.Gfn);
    private static readonly StepKey _pages = StepKey.Number(
        "pages", 0, AddressPages - 1, (step, value) => step with { Pages = value }, step => step.Pages);
    private static readonly StepKey _some = StepKey.Number(
        "pages", 1, KernelScript.PagesMax, (step, value) => step with { Pages = value }, step => step.Pages);
    private static readonly StepKey _cleared = StepKey.Number(
        "pages", 0, uint.MaxValue, (step, value) => step with { Pages = value }, step => step.Pages);
    private static readonly StepKey _at = StepKey.Number(
        "at", 0, KernelScript.PagesMax - 1, (step, value) => step with { At = value }, step => step.At);
    private static readonly StepKey _to = StepKey.Number(
        "to", 0, KernelScript.PagesMax - 1, (step, value) => step with { To = value }, step => step.To);
    private static readonly StepKey _first = StepKey.Number(
        "first", 0, AddressPages - 1, (step, value) => step with { First = value }, step => step.First);
    private static readonly StepKey _value = StepKey.Number(
        "value", 1, int.MaxValue, (step, value) => step with { Value = (uint)value }, step => step.Value);
    private static readonly StepKey _vcpu = StepKey.Number(
        "vcpu", 0, KernelScript.VcpusMax - 1, (step, value) => step with { Vcpu = (int)value }, step => step.Vcpu, isNeeded: false);
    private static readonly StepKey _flags = new(
        "flags", "log, readonly, or both as log,readonly", ParseFlags,
        step => (step.Logs, step.IsReadOnly) switch
        {
            (true, true) => "log,readonly",
            (true, false) => "log",
            (false, true) => "readonly",
            _ => null,
        },
        IsNeeded: false);
    private static readonly StepKey _bits = new(
        "bits", "pages of the slot in rising order, as in 0-3,7, or none",
        (step, text) => PageRuns.Parse(text, KernelScript.PagesMax) is { } runs ? step with { Bits = runs } : null,
        step => step.Bits?.ToString(), IsNeeded: false);
    private static readonly StepKey _access = new(
        "access", "read, write",
        (step, text) => text is "read" or "write" ? step with { IsWritable = text == "write" } : null,
        step => step.IsWritable ? "write" : "read");

    private static readonly Dictionary<KernelVerb, StepKey[]> _keys = new()
    {
        [KernelVerb.Set] = [_slot, _gfn, _pages, _at, _flags],
        [KernelVerb.Get] = [_slot],
        [KernelVerb.Clear] = [_slot, _first, _cleared, _bits],
        [KernelVerb.Reset] = [],
        [KernelVerb.Write] = [_accessed, _value, _vcpu],
        [KernelVerb.Read] = [_accessed, _vcpu],
        [KernelVerb.UserWrite] = [_at, _value],
        [KernelVerb.DontNeed] = [_at, _some],
        [KernelVerb.Unmap] = [_at, _some],
        [KernelVerb.Map] = [_at, _some],
        [KernelVerb.Remap] = [_at, _to, _some],
        [KernelVerb.Protect] = [_at, _some, _access],
        [KernelVerb.Fork] = [],
        [KernelVerb.Merge] = [],
    };

    public static IEnumerable<string> Verbs => _keys.Keys.Select(verb => ScriptWords.Of(verb));

    /// <summary>Null for a word that is no verb.</summary>
    public static KernelVerb? Find(string word)
    {
        foreach (var verb in _keys.Keys)
            if (ScriptWords.Of(verb) == word) return verb;
        return null;
    }

    public static IReadOnlyList<StepKey> KeysOf(KernelVerb verb) => _keys[verb];

    public static string ToText(KernelStep step)
    {
        var text = new StringBuilder(ScriptWords.Of(step.Verb));
        foreach (var key in _keys[step.Verb])
            if (key.Write(step) is { } value && (key.IsNeeded || value != "0"))
                text.Append(' ').Append(key.Name).Append('=').Append(value);
        if (step.Expected is not null) text.Append(" => ").Append(step.Expected);
        return text.ToString();
    }

    private static KernelStep? ParseFlags(KernelStep step, string text) => text switch
    {
        "log" => step with { Logs = true },
        "readonly" => step with { IsReadOnly = true },
        "log,readonly" => step with { Logs = true, IsReadOnly = true },
        _ => null,
    };
}

/// <summary>A key of a step.</summary>
/// <param name="Name">before the equals sign</param>
/// <param name="Allowed">what its value may be, in words</param>
/// <param name="Read">the step with the value; null for a value that is not allowed</param>
/// <param name="Write">the value of a step; null where it is left out</param>
/// <param name="IsNeeded">a step without it is wrong</param>
public sealed record StepKey(
    string Name, string Allowed, Func<KernelStep, string, KernelStep?> Read, Func<KernelStep, string?> Write, bool IsNeeded = true)
{
    public static StepKey Number(
        string name, long min, long max, Func<KernelStep, long, KernelStep> set, Func<KernelStep, long> get, bool isNeeded = true) => new(
        name, FormattableString.Invariant($"{min} to {max}"),
        (step, text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
            ? set(step, value)
            : null,
        step => get(step).ToString(CultureInfo.InvariantCulture), isNeeded);
}
