using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Livebed.Driver.CampaignFiles;

/// <summary>A key that holds one value.</summary>
internal sealed class ValueKey<T, TValue>(string name, ValueKind<TValue> kind, Func<T, TValue> get, Action<T, TValue> set, string summary)
    : Key<T>(name)
{
    /// <summary>What docs/campaigns.md says when the default is no fixed value.</summary>
    public string? DefaultText { get; init; }

    /// <summary>What docs/campaigns.md says when what is allowed is a long list; errors give the list.</summary>
    public string? AllowedText { get; init; }

    /// <summary>A value that means "not given" is not written.</summary>
    public Func<T, bool>? IsAbsent { get; init; }

    public override void Read(T target, SectionSetting.Entry entry, string path)
    {
        if (entry.Value is not ValueSetting value || value.IsEmpty)
            throw entry.Origin.Problem(path, $"is {entry.Value.What}, not a value", kind.Allowed);
        if (value.Quoted && !kind.Quotable) throw entry.Origin.Problem(path, $"\"{value.Text}\" is text", kind.Allowed);
        if (kind.Parse(value.Text, out var parsed) is { } problem) throw entry.Origin.Problem(path, problem, kind.Allowed);
        set(target, parsed);
    }

    public override bool IsWritten(T source) => base.IsWritten(source) && IsAbsent?.Invoke(source) is not true;

    public override void Write(T source, IEmitter emitter)
    {
        var text = kind.Format(get(source));
        // A text that looks like something else stays a text.
        var style = typeof(TValue) == typeof(string) && kind.Unit == "text" ? ScalarStyle.DoubleQuoted : ScalarStyle.Plain;
        emitter.Emit(new Scalar(AnchorName.Empty, TagName.Empty, text, style, isPlainImplicit: true, isQuotedImplicit: true));
    }

    public override IEnumerable<KeyDocumentation> Document(string prefix, T defaults)
    {
        yield return new(prefix + Name, DefaultText ?? kind.Format(get(defaults)), kind.Unit, AllowedText ?? kind.Allowed, summary);
    }
}
