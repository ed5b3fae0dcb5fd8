using System.Globalization;

namespace Livebed.Explorer.Kernels;

/// <summary>
/// What a step can answer, as text: "ok", the name of an error number, pages ("0-3,7" or "none"), pages by slot ("1:0-3 2:5"), a value
/// that was read, or how KVM_RUN left: "mmio", "fault" (-EFAULT), "full" (KVM_EXIT_DIRTY_RING_FULL).
/// </summary>
public static class Answers
{
    public const string Ok = "ok";
    public const string None = "none";
    public const string Mmio = "mmio";
    public const string Fault = "fault";
    public const string Full = "full";

    private static readonly Dictionary<int, string> _errors = new()
    {
        [2] = "ENOENT",
        [5] = "EIO",
        [6] = "ENXIO",
        [12] = "ENOMEM",
        [14] = "EFAULT",
        [17] = "EEXIST",
        [22] = "EINVAL",
    };

    /// <summary>The name of an error number; its figure for one that no step should get.</summary>
    public static string Error(int number) =>
        _errors.GetValueOrDefault(number) ?? string.Create(CultureInfo.InvariantCulture, $"E{number}");

    /// <summary>Pages by memslot, of the entries of rings.</summary>
    public static string OfRing(IEnumerable<(int Slot, long Page)> entries)
    {
        var slots = entries.GroupBy(entry => entry.Slot, entry => entry.Page).OrderBy(slot => slot.Key)
            .Select(slot => string.Create(CultureInfo.InvariantCulture, $"{slot.Key}:{new PageRuns(slot)}"));
        var text = string.Join(' ', slots);
        return text.Length == 0 ? None : text;
    }

    /// <summary>Whether a text can be the answer to a verb at all.</summary>
    public static bool IsPossible(KernelVerb verb, string text) => verb switch
    {
        KernelVerb.Get => IsError(text) || PageRuns.Parse(text, KernelScript.PagesMax) is not null,
        KernelVerb.Reset => IsError(text) || text == None || text.Split(' ').All(IsSlot),
        KernelVerb.Write => text is Ok or Mmio or Fault or Full,
        KernelVerb.Read => text is Mmio or Fault or Full || uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _),
        _ => text == Ok || IsError(text),
    };

    /// <summary>The same in words.</summary>
    public static string Possible(KernelVerb verb) => verb switch
    {
        KernelVerb.Get => $"pages as in 0-3,7, none, {Errors}",
        KernelVerb.Reset => $"pages by slot as in 1:0-3 2:5, none, {Errors}",
        KernelVerb.Write => "ok, mmio, fault, full",
        KernelVerb.Read => "a value, mmio, fault, full",
        _ => $"ok, {Errors}",
    };

    private static string Errors => string.Join(", ", _errors.Values);

    private static bool IsError(string text) => _errors.ContainsValue(text);

    private static bool IsSlot(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 && int.TryParse(text[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out _)
            && PageRuns.Parse(text[(colon + 1)..], KernelScript.PagesMax) is { Pages.Count: > 0 };
    }
}
