using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;

namespace Livebed.Driver.CampaignFiles;

/// <summary>One setting from the command line: the option as it was typed, the dotted path of the key, and the value.</summary>
internal sealed record Override(string Option, string Path, string Value)
{
    /// <summary>From <c>--set key=value</c>.</summary>
    public static Override Parse(string text)
    {
        var option = $"--set {text}";
        var at = text.IndexOf('=', StringComparison.Ordinal);
        if (at <= 0 || text[..at].Split('.').Any(string.IsNullOrWhiteSpace))
            throw new UsageException($"{option}: is no setting; allowed: --set key=value, as in --set vms.0.vcpus=4");
        return new(option, text[..at].Trim(), text[(at + 1)..]);
    }

    /// <summary>Puts the values into the file's settings, to be checked by the same code. A key is set at most once.</summary>
    public static void Apply(SectionSetting root, IReadOnlyList<Override> overrides)
    {
        foreach (var twice in overrides.GroupBy(one => one.Path, StringComparer.Ordinal).Where(group => group.Count() > 1))
            throw new Origin(twice.Last().Option).Problem(twice.Key, $"is also set by {twice.First().Option}", "each key once");
        foreach (var one in overrides) one.Apply(root);
    }

    private void Apply(SectionSetting root)
    {
        var origin = new Origin(Option, FromCommandLine: true);
        var steps = Path.Split('.');
        Setting here = root;
        for (var i = 0; i < steps.Length; i++)
        {
            var last = i == steps.Length - 1;
            here = here switch
            {
                ListSetting list => Item(list, steps, i, origin, last),
                SectionSetting section => Child(section, steps[i], origin, last),
                _ => throw origin.Problem(string.Join('.', steps[..i]), "is a value and has no keys", "the keys in docs/campaigns.md"),
            };
        }
    }

    private Setting Child(SectionSetting section, string key, Origin origin, bool last)
    {
        if (!last && section.Find(key) is { Value: SectionSetting or ListSetting } found) return found.Value;
        Setting child = last ? new ValueSetting(origin, Value, quoted: false) : new SectionSetting(origin);
        section.Replace(new(key, origin, child));
        return child;
    }

    private Setting Item(ListSetting list, string[] steps, int at, Origin origin, bool last)
    {
        if (!int.TryParse(steps[at], out var index) || index < 0 || index >= list.Items.Count)
            throw origin.Problem(
                string.Join('.', steps[..(at + 1)]), "there is no such item",
                list.Items.Count == 0 ? "nothing, the list is empty" : $"0 to {list.Items.Count - 1}");
        if (last) list.Items[index] = new ValueSetting(origin, Value, quoted: false);
        return list.Items[index];
    }
}
