internal import Quoting

extension LocaleName {
    /// The names without an encoding that the C library does not treat as UTF-8, with the encoding that it uses for each. Locales that were added
    /// since 2000 have UTF-8 only, so the list is complete. It is made from glibc's own (`/usr/share/i18n/SUPPORTED`), and a test compares the two.
    static let oldEncodings: [String: String] = Dictionary(
        namesByEncoding.flatMap { encoding, names in names.split(at: " ").map { (String($0), encoding) } }, uniquingKeysWith: { first, _ in first })

    private static let namesByEncoding: [(String, String)] = [
        ("BIG5", "zh_TW"),
        ("BIG5-HKSCS", "zh_HK"),
        ("CP1251", "be_BY bg_BG"),
        ("CP1255", "yi_US"),
        ("GB2312", "zh_CN zh_SG"),
        ("GEORGIAN-PS", "ka_GE"),
        (
            "ISO-8859-1",
            """
            aa_DJ af_ZA br_FR ca_ES da_DK de_AT de_BE de_CH de_DE de_IT de_LU en_AU en_BW en_CA en_DK en_GB en_HK en_IE en_NZ en_PH en_SG en_US en_ZA \
            en_ZW es_AR es_BO es_CL es_CO es_CR es_DO es_EC es_ES es_GT es_HN es_MX es_NI es_PA es_PE es_PR es_PY es_SV es_US es_UY es_VE et_EE eu_ES \
            eu_FR fi_FI fo_FO fr_BE fr_CA fr_CH fr_FR fr_LU ga_IE gl_ES gv_GB id_ID is_IS it_CH it_IT kl_GL kw_GB ms_MY nb_NO nl_BE nl_NL nn_NO oc_FR \
            om_KE pt_BR pt_PT so_DJ so_KE so_SO sq_AL st_ZA sv_FI sv_SE tl_PH uz_UZ wa_BE xh_ZA zu_ZA
            """
        ),
        ("ISO-8859-10", "lg_UG"),
        ("ISO-8859-13", "lt_LT lv_LV mi_NZ"),
        ("ISO-8859-14", "cy_GB"),
        (
            "ISO-8859-15",
            """
            an_ES ast_ES br_FR@euro ca_AD ca_ES@euro ca_FR ca_IT de_AT@euro de_BE@euro de_DE@euro de_LU@euro en_IE@euro es_ES@euro eu_ES@euro eu_FR@euro \
            fi_FI@euro fr_BE@euro fr_FR@euro fr_LU@euro ga_IE@euro gd_GB gl_ES@euro it_IT@euro mg_MG nl_BE@euro nl_NL@euro pt_PT@euro sv_FI@euro \
            wa_BE@euro
            """
        ),
        ("ISO-8859-2", "bs_BA cs_CZ hr_HR hsb_DE hu_HU pl_PL ro_RO sk_SK sl_SI"),
        ("ISO-8859-3", "mt_MT"),
        ("ISO-8859-5", "mk_MK ru_RU"),
        ("ISO-8859-6", "ar_AE ar_BH ar_DZ ar_EG ar_IQ ar_JO ar_KW ar_LB ar_LY ar_MA ar_OM ar_QA ar_SA ar_SD ar_SY ar_TN ar_YE"),
        ("ISO-8859-7", "el_GR el_GR@euro el_CY"),
        ("ISO-8859-8", "he_IL"),
        ("ISO-8859-9", "ku_TR tr_CY tr_TR"),
        ("KOI8-T", "tg_TJ"),
        ("KOI8-U", "ru_UA uk_UA"),
        ("PT154", "kk_KZ"),
        ("TIS-620", "th_TH"),
    ]
}
