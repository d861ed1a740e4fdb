import type { ColumnKind } from './ports/table-description.js';

/**
 * How much it matters that a column is encrypted. `secret`: whoever reads it can act as somebody else. `identity`: it
 * names, pays for or exposes a person for good. `contact`: it reaches a person.
 */
export type SensitiveTier = 'secret' | 'identity' | 'contact';

/** What a column's name says of what it holds. */
export interface Sensitivity {
  /** What it is taken for: `password`, `bank-account` … */
  readonly concept: string;
  /** How much it matters. */
  readonly tier: SensitiveTier;
}

interface Concept {
  readonly concept: string;
  readonly tier: SensitiveTier;
  /** Kinds of columns that can hold such a value; what is text, bytes or unknown always can. */
  readonly also?: readonly ColumnKind[];
  /** Spellings found anywhere in a name, in snake case; they match in every other case, too, and run together. */
  readonly words: string;
  /** Spellings that are ordinary words or syllables otherwise: these are the name as a whole, but for a word of `OWNERS` before it. */
  readonly wholes?: string;
}

/** The gravest first. English, then German, French, Spanish, Italian, Portuguese, Dutch, and countries' own numbers. */
const CONCEPTS: readonly Concept[] = [
  {
    concept: 'password',
    tier: 'secret',
    // A hash of a password is one of these: it can be guessed at, offline, by whoever has it.
    words: `password passwords passwd pwd pswd passphrase passcode passkey pass_word pass_hash pass_phrase pwhash passhash htpasswd
      passwort passworte kennwort kennwoerter losungswort mot_de_passe mdp contrasena contrasenia clave_acceso palabra_clave senha
      wachtwoord parola_chiave losenord`,
    wholes: 'pass pw passw',
  },
  {
    concept: 'token',
    tier: 'secret',
    words: `token access_tokens refresh_tokens api_tokens auth_tokens jwt bearer bearer_auth oauth_code authorization_code auth_code
      session_key session_secret magic_link_code`,
  },
  {
    concept: 'secret',
    tier: 'secret',
    words: `secret secrets client_secret shared_secret webhook_secret secret_key secret_answer security_answer credential credentials
      creds geheimnis zugangsdaten credenciales identifiants connection_string conn_string connstr connection_url database_url
      recovery_code recovery_codes backup_code backup_codes seed_phrase recovery_phrase mnemonic mnemonic_phrase sicherheitsantwort`,
  },
  {
    concept: 'key',
    tier: 'secret',
    words: `api_key api_keys apikey access_key secret_access_key private_key priv_key privkey encryption_key decryption_key
      signing_key signature_key hmac_key aes_key master_key ssh_key pgp_private auth_key storage_key account_key service_key consumer_key app_key
      private_pem keystore pfx pkcs12 api_schluessel privater_schluessel cle_privee cle_api clave_privada clave_api`,
  },
  {
    concept: 'one-time code',
    tier: 'secret',
    also: ['number'],
    words:
      'otp_secret totp_secret totp_seed totp_key mfa_secret mfa_seed two_factor_secret otp_code totp_code mfa_code sms_code verification_code pin_number pin_code pincode card_pin sim_pin puk_code',
    wholes: 'pin otp totp puk',
  },
  {
    concept: 'user name',
    tier: 'identity',
    words: `username usernames user_name login_name logon_name user_login account_login login_id logon_id sam_account_name
      user_principal_name benutzername nutzername anmeldename benutzerkennung nom_utilisateur nom_d_utilisateur identifiant_connexion
      nombre_usuario nombre_de_usuario nome_utente nome_usuario gebruikersnaam anvandarnamn`,
    wholes: 'login logon uname usuario identifiant userprincipalname upn',
  },
  {
    concept: 'national id',
    tier: 'identity',
    also: ['number'],
    words: `ssn social_security social_security_number social_security_no social_insurance_number nino national_insurance_number
      ni_number national_id national_id_number national_identity national_identity_number national_identification_number nationalid identity_number
      identity_card identity_card_number id_card id_card_number idcard citizen_id citizen_number personal_number personnummer
      personal_identity_code personal_identification_number personennummer fodselsnummer cpr_number cpf codice_fiscale bsn_number burgerservicenummer
      personalausweis personalausweisnummer ausweisnummer sozialversicherungsnummer rentenversicherungsnummer sv_nummer svnr ahv_nummer ahvnr
      numero_securite_sociale securite_sociale num_secu insee_number cedula numero_dni dni_number nie_number curp
      aadhaar aadhar aadhaar_number pesel rodne_cislo egn_number tc_kimlik tckn my_number resident_registration_number hkid nric
      medicare_number medicaid_number nhs_number sin_number tfn_number voter_id alien_number`,
    wholes: 'dni nie nir nif cnp bsn cpr sin hetu rut nuip egn oib jmbg amka avs',
  },
  {
    concept: 'tax number',
    tier: 'identity',
    also: ['number'],
    words: `tax_id tax_ids tax_number tax_no tax_code tax_file_number tax_identification_number tax_payer_id taxpayer_id
      taxpayer_number taxid itin_number steuer_id steuerid steuernummer steuer_nummer steuer_nr steuernr
      steueridentifikationsnummer steuer_identifikationsnummer identifikationsnummer numero_fiscal numero_fiscale
      identifiant_fiscal nif_number ein_number tin_number inn_number numero_contribuinte`,
    wholes: 'itin ein tin tfn steueridnr idnr',
  },
  {
    concept: 'identity document',
    tier: 'identity',
    also: ['number'],
    words: `passport passport_no passport_number passport_id passportnumber driver_license driver_licence drivers_license drivers_licence
      driving_license driving_licence driver_license_number drivers_license_number driving_licence_number license_number_driver dl_number
      residence_permit residence_permit_number visa_number travel_document reisepass reisepassnummer passnummer fuehrerschein fuhrerschein fuehrerscheinnummer
      fuhrerscheinnummer aufenthaltstitel passeport numero_passeport permis_de_conduire pasaporte numero_pasaporte licencia_conducir
      passaporto paspoort`,
  },
  {
    concept: 'bank account',
    tier: 'identity',
    also: ['number'],
    words: `iban bban bank_account bank_account_number bank_account_no bank_acct bank_acct_number bank_number account_number account_no acct_number
      acct_no acct_num account_num routing_number routing_no routing_transit_number aba_number aba_routing sort_code sortcode bsb_number bank_code
      kontonummer konto_nummer konto_nr kontonr bankleitzahl bankverbindung bankkonto numero_compte numero_de_compte compte_bancaire rib_number numero_cuenta numero_de_cuenta
      cuenta_bancaria clabe numero_conto conto_corrente rekeningnummer bankgiro sepa_mandate direct_debit_account`,
    wholes: 'clabe rib blz bsb',
  },
  {
    concept: 'payment card',
    tier: 'identity',
    also: ['number', 'time'],
    words: `card_number card_no card_num cardnumber credit_card credit_card_number creditcard credit_card_no debit_card debit_card_number
      payment_card cc_number cc_num cc_no ccnumber ccnum card_pan pan_number primary_account_number cvv cvv2 cvc cvc2 cvv_code cvc_code card_cvv
      card_cvc card_security_code card_verification card_verification_value card_verification_code cc_cvv cc_cvc card_expiry card_expiration
      card_expiration_date card_expiry_date card_expiry_month card_expiry_year card_exp card_exp_month card_exp_year cc_exp cc_expiry cc_expiration track_data track2
      kreditkarte kreditkartennummer kreditkarten_nummer kartennummer karten_nr pruefziffer_karte carte_bancaire carte_credit carte_de_credit
      numero_carte numero_de_carte numero_tarjeta numero_de_tarjeta tarjeta_credito tarjeta_de_credito carta_di_credito cartao_credito cartao_de_credito
      numero_cartao`,
    wholes: 'pan',
  },
  {
    concept: 'birth',
    tier: 'identity',
    also: ['time', 'number'],
    words: `date_of_birth birth_date birthdate birthday birth_day birth_year year_of_birth birth_place birthplace place_of_birth
      geburtsdatum geburtstag geburtsort geburtsjahr geb_datum gebdatum date_naissance date_de_naissance lieu_naissance fecha_nacimiento
      fecha_de_nacimiento data_nascita data_di_nascita data_nascimento geboortedatum fodelsedatum`,
    wholes: 'dob born bday',
  },
  {
    concept: 'health',
    tier: 'identity',
    also: ['number', 'choice'],
    words: `diagnosis diagnoses diagnose blood_type blood_group icd_code icd10 icd10_code allergies medication medications prescription
      prescriptions medical_history medical_record medical_record_number medical_notes medical_condition medical_conditions health_status
      health_condition health_record health_insurance_number health_insurance_id hiv_status disability disabilities patient_notes
      genetic_data dna_profile blutgruppe krankenversicherungsnummer krankenversichertennummer versichertennummer krankheit krankheiten allergien behinderung
      groupe_sanguin maladie tipo_sangre grupo_sanguineo enfermedad`,
    wholes: 'mrn kvnr',
  },
  {
    concept: 'special category',
    tier: 'identity',
    also: ['choice', 'number'],
    words: `religion religious_affiliation religious_belief ethnicity ethnic_origin ethnic_group racial_origin sexual_orientation sex_life
      political_opinion political_affiliation union_membership trade_union criminal_record criminal_history biometric biometrics
      biometric_data biometric_template face_template fingerprint_template retina_scan gender_identity konfession religionszugehoerigkeit
      gewerkschaft vorstrafen`,
  },
  {
    concept: 'pay',
    tier: 'identity',
    also: ['number'],
    words:
      'salary base_salary annual_salary monthly_salary hourly_wage wages net_worth annual_income household_income credit_score gehalt jahresgehalt monatsgehalt bruttogehalt salaire salario sueldo stipendio',
    wholes: 'wage income',
  },
  {
    concept: 'e-mail address',
    tier: 'contact',
    words:
      'email emails e_mail mail_address email_address emailaddress mailadresse emailadresse email_adresse courriel adresse_mail correo correo_electronico',
  },
  {
    concept: 'telephone',
    tier: 'contact',
    also: ['number'],
    words:
      'phone phones phone_number telephone telephone_number mobile_number mobile_phone cell_phone cellphone phone_no fax fax_number telefon telefonnummer telefon_nr handynummer mobilnummer telefono numero_telephone whatsapp',
    wholes: 'mobile tel cell msisdn handy',
  },
  {
    concept: 'address',
    tier: 'contact',
    words: `street street_address address_line home_address postal_address shipping_address billing_address mailing_address residential_address
      house_number address1 address2 strasse hausnummer anschrift wohnadresse postanschrift adresse direccion indirizzo`,
    wholes: 'address',
  },
  {
    concept: 'name of a person',
    tier: 'contact',
    words:
      'first_name last_name given_name family_name surname middle_name maiden_name full_name fullname firstname lastname vorname nachname familienname geburtsname prenom nom_de_famille nombre_completo apellido apellidos cognome',
  },
  {
    concept: 'place',
    tier: 'contact',
    also: ['number'],
    words: 'ip_address ipaddress remote_ip client_ip last_ip gps_location geo_location home_location',
  },
];

/** Words before a spelling that leave it what it is: whose it is, for what, which of several. */
const OWNERS =
  words(`user usr users customer client member owner person employee patient account acct admin administrator root guest contact
  email mail mailbox e smtp imap pop pop3 exchange inbox sender recipient incoming outgoing inbound outbound in out server host proxy
  db database sql mysql postgres postgresql pg redis mongo ldap ad domain ftp sftp ssh vpn wifi wlan web http https site app application
  api service svc system sys main primary secondary default current new old prev previous temp temporary initial my own plain clear raw
  hashed encrypted encr enc hash access refresh auth oauth oauth2 session login logon signin register reset remember device push id csrf xsrf
  aws azure gcp google github gitlab slack stripe paypal twilio sendgrid facebook twitter apple microsoft bot integration webhook
  key private public master shared secret consumer merchant payment billing bank card credit debit holder national personal
  mother father spouse child parent partner emp hr crm erp sso saml totp mfa otp two factor backup recovery security sec confirm repeat verify
  benutzer kunde mitarbeiter konto usuario cliente utilisateur postfach server1 server2 test prod dev staging`);

/** Words before a spelling that make something else of it: whether, how many, which page. */
const FLAGS =
  words(`is has had can may should must need needs require requires required use uses allow allows allowed enable enables
  enabled disable disabled show hide force skip supports without no min max num total count page pagination continuation cursor next stop
  bos eos pad sync sort reserved token_count generic`);

/** Words behind a spelling that make something else of it: when, how many, of which kind, where. */
const ABOUT =
  words(`at on until since date time datetime timestamp count counts counter attempts attempt tries retries failures failed
  policy policies expires expire expired expiry expiration changed change changes updated update modified created set unset reset type types
  kind class length len size min max minimum maximum version id ids uuid enabled disabled enable required require status state strength
  score quality algorithm algo alg method format iterations rounds cost name names title label caption description desc url uri path link
  index idx mask masked pattern regex rule rules limit quota usage used uses valid verified verify validated validation confirmed
  confirmation lifetime ttl age days day hours minutes mins seconds secs ms notice sent issued rotated rotation scope scopes provider issuer
  country brand network last last4 suffix prefix first redacted message error errors help placeholder position category flag ref
  reference required needed present exists missing salt requirements complexity settings setting config page template screen form field manager
  vault store location owner audience interval period supported preferred optional opt verification source color icon image symbol
  per limiter result check currency bucket budget price total sum reminder prompt tooltip visible hidden`);

const TIERS: ReadonlyMap<string, Concept> = new Map(
  CONCEPTS.flatMap((row) => [...words(row.words)].map((word) => [compact(word), row] as const)),
);
const WHOLES: ReadonlyMap<string, Concept> = new Map(
  CONCEPTS.flatMap((row) => [...words(row.wholes ?? '')].map((word) => [compact(word), row] as const)),
);
const SPELLINGS: readonly string[] = [...TIERS.keys()];

/**
 * What a column's name says of what it holds; `undefined` for an ordinary name. Word by word: `passenger`, `compass` and
 * `tokenizer_version` are ordinary, `emailpassword`, `SMTP-Pwd` and `newUserPassword2` are not. With the kind of the
 * column, what could not be such a value is ordinary: a boolean `password`, a date `token_issued`.
 */
export function sensitivityOf(name: string, holds: ColumnKind = 'text'): Sensitivity | undefined {
  const parts = wordsOf(name);
  const found = new Set([...wholeName(parts), ...spelled(parts), ...runTogether(parts)]);
  // The first in the table: of an `email_password` the password.
  const gravest = CONCEPTS.find((concept) => found.has(concept) && canHold(concept, holds));
  return gravest && { concept: gravest.concept, tier: gravest.tier };
}

function canHold({ also = [] }: Concept, holds: ColumnKind): boolean {
  return holds === 'text' || holds === 'bytes' || holds === 'other' || also.includes(holds);
}

/** In lower case, without accents: at every change of case, and at whatever is no letter. Digits stay with the word before them. */
function wordsOf(name: string): string[] {
  return name
    .replaceAll('ß', 'ss')
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

function wholeName(parts: readonly string[]): Concept[] {
  const owners = parts.findIndex((word) => !OWNERS.has(word));
  const starts = Array.from({ length: owners === -1 ? parts.length : owners + 1 }, (_, start) => start);
  return starts.flatMap((start) => WHOLES.get(undigited(parts.slice(start).join(''))) ?? []);
}

/** Spellings made of whole words; what stands around them must not make something else of them. */
function spelled(parts: readonly string[]): Concept[] {
  return parts.flatMap((_, start) =>
    parts.slice(start).flatMap((_, more) => {
      const end = start + more + 1;
      const found = TIERS.get(undigited(parts.slice(start, end).join('')));
      return found && leaves(parts.slice(0, start), parts.slice(end)) ? [found] : [];
    }),
  );
}

function leaves(before: readonly string[], after: readonly string[]): boolean {
  return !before.some((word) => FLAGS.has(word)) && !after.some((word) => ABOUT.has(undigited(word)));
}

/** Spellings inside one word: what is left of it on both sides must be words that are known, too. */
function runTogether(parts: readonly string[]): Concept[] {
  return parts.flatMap((part, i) => {
    const word = undigited(part);
    const inner = SPELLINGS.filter((spelling) => spelling.length < word.length && word.includes(spelling));
    return inner.flatMap((spelling) => {
      const at = word.indexOf(spelling);
      const before = split(word.slice(0, at), OWNERS);
      const after = split(word.slice(at + spelling.length), OWNERS);
      if (!before || !after) return [];
      const isIt = leaves([...parts.slice(0, i), ...before], [...after, ...parts.slice(i + 1)]);
      return isIt ? [TIERS.get(spelling) as Concept] : [];
    });
  });
}

/** The text as known words; `undefined` where it is none. */
function split(text: string, known: ReadonlySet<string>): readonly string[] | undefined {
  if (text === '') return [];
  for (let length = text.length; length > 1; length--) {
    const word = text.slice(0, length);
    if (!known.has(word)) continue;
    const rest = split(text.slice(length), known);
    if (rest) return [word, ...rest];
  }
  return undefined;
}

/** `password2` is a password; `cvv2` is in the table as it is. */
function undigited(word: string): string {
  return TIERS.has(word) || WHOLES.has(word) ? word : word.replace(/\d+$/, '');
}

function compact(spelling: string): string {
  return spelling.replaceAll('_', '');
}

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(/\s+/).filter((word) => word !== ''));
}
